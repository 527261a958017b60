"""The flat methods of agno's database interface, one mixin per concept, over the repositories.

Names, arguments and what comes back are agno 3.1's: agno's objects with `deserialize=True`, dictionaries without;
None, [] or False for absence. An error is never one of those: it raises, see `agnodb.errors`.
"""
