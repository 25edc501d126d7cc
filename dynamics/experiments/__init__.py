"""How a sweep becomes results: what is to be computed, by whom, and where it is kept.

experiment   the runs of a sweep, and how they are cut into blocks
blocks       one block computed: a pure function that can be sent to a worker
computing    the blocks in this process, or on an executor
execution    all of it, into memory or into a store
checking     whether what a worker returned are results of its block
store        results on disk; `layout` says what is in it, `writing` who may write and how
contents     what is in a store that may come from anywhere, checked; `files` reads its files,
             `guarded` is what Zarr sees of it
dataset      results as a labelled dataset; `provenance` says what they were made with
memory, progress
"""
