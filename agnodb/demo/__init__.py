"""`python -m agnodb.demo`: agno's own agents keep what they do in a real database.

model      a model without a network: what it says follows from the messages it is given
answers    what the model says, as plain functions
"""
