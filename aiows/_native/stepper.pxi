"""In goes a coroutine that has not begun, out comes how its first step ended."""

cdef extern from "Python.h":
    int PYGEN_RETURN
    int PyIter_Send(object iterator, object value, PyObject **result) except -1


def first_step(coroutine not None):
    cdef PyObject *result = NULL
    cdef bint has_ended = PyIter_Send(coroutine, None, &result) == PYGEN_RETURN
    value = <object>result
    Py_DECREF(value)  # the reference that it came with
    return has_ended, value
