"""BM25 as it is computed here, and what of it is read out of PostgreSQL's `ts_rank`.

    score(q, d) = sum over the words t of q of
        times(t, q) * idf(t) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length(d) / average))
    idf(t) = ln(1 + (documents - df + 0.5) / (df + 0.5))

with k1 = 1.2 and b = 0.75, as in Lucene (but for its constant factor). `tf` and `length` count positions of the
`tsvector`: words after stop words and stemming, at most 256 of one word, as PostgreSQL keeps them.

`ts_rank` with equal weights gives a document in which a word stands tf times 6/pi^2 * (1 + 1/4 + ... + 1/tf^2)
(`calc_rank_or` in tsrank.c), and with normalisation 2 the same divided by the document's length. The rest of that
series after tf is 1 / (tf + 1/2) up to less than 0.05, so rounding gives tf back exactly.
"""

from typing import Literal

Bm25Extension = Literal["pg_textsearch", "pg_search"]
"""Extensions of PostgreSQL that rank words themselves, by the same formula."""

K1 = 1.2
B = 0.75

SERIES = 1.64493406684823
"""pi^2 / 6, with the digits of PostgreSQL's source."""

SAMPLE_PAGES = 300
"""How many pages of the table the average length is taken from."""

COUNTED_UP_TO = 20_000
"""Up to how many rows the documents are counted; beyond it the planner's estimate is taken."""

FRESH_SECONDS = 60.0
"""For how long the number of documents and their average length are kept."""

FUSION_K = 60
"""Of reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009."""
