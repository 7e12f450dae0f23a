/* The memory of a message that is still arriving; in the end it is the message's data.
 *
 * It is a `bytes`, or a `str` of ASCII for text: most text is ASCII, and then it need not be copied. Until the
 * message is whole, only the transport sees the memory, through a view of the part that it writes to.
 */
#ifndef AIOWS_MEMORY_H
#define AIOWS_MEMORY_H

#include <Python.h>
#include <string.h>

static inline PyObject *
aiows_new_memory(int is_text, Py_ssize_t capacity)
{
    return is_text ? PyUnicode_New(capacity, 127) : PyBytes_FromStringAndSize(NULL, capacity);
}

static inline uint8_t *
aiows_memory_start(PyObject *memory)
{
    return PyUnicode_Check(memory) ? PyUnicode_1BYTE_DATA(memory) : (uint8_t *)PyBytes_AS_STRING(memory);
}

static inline Py_ssize_t
aiows_memory_capacity(PyObject *memory)
{
    return PyUnicode_Check(memory) ? PyUnicode_GET_LENGTH(memory) : PyBytes_GET_SIZE(memory);
}

/* Make room for `capacity` bytes in `*memory`; the first `size` bytes are kept. A view of the old memory, if
 * somebody has one, stays valid. After an error `*memory` is NULL or unchanged. */
static inline int
aiows_resize_memory(PyObject **memory, Py_ssize_t size, Py_ssize_t capacity)
{
    const int is_text = PyUnicode_Check(*memory);
    if (Py_REFCNT(*memory) == 1)
        return is_text ? PyUnicode_Resize(memory, capacity) : _PyBytes_Resize(memory, capacity);
    PyObject *larger = aiows_new_memory(is_text, capacity);
    if (!larger)
        return -1;
    memcpy(aiows_memory_start(larger), aiows_memory_start(*memory), (size_t)size);
    Py_SETREF(*memory, larger);
    return 0;
}

#endif
