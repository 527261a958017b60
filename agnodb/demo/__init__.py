"""`python -m agnodb.demo`: agno's own agents keep what they do in a real database.

story          the demo, from the empty database to the tables
conversations  agents talk with users, remember and learn
decisions      a tool waits for a human
observing      traces, evaluations, metrics
scheduling     a schedule that AgentOS runs over HTTP
continue_      the second process, which continues a conversation
show           each table, for a person to read
stage          what the steps share: the database, the narration, the checks
model          a model without a network: what it says follows from the messages it is given
answers        what the model says, as plain functions
words          a vector database without vectors, for agno's Knowledge
"""
