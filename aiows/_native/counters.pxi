"""What all connections of an event loop have taken in and sent, as plain numbers."""


@cython.final
@cython.no_gc  # it refers to nothing
cdef class Counters:
    cdef public unsigned long long opened
    cdef public unsigned long long closed
    cdef public unsigned long long messages_in
    cdef public unsigned long long bytes_in
    cdef public unsigned long long messages_out
    cdef public unsigned long long bytes_out
    cdef public unsigned long long dropped
