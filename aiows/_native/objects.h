/* Makes Python objects, such as messages and text, directly with the C API. */
#ifndef AIOWS_OBJECTS_H
#define AIOWS_OBJECTS_H

#include <Python.h>
#include <structmember.h>

#include "masking.h"

/* Make a `Message`, as tuple.__new__ would. Steals the reference to `data`. */
static inline PyObject *
aiows_new_message(PyTypeObject *type, int opcode, PyObject *data, PyObject *extra, Py_ssize_t size)
{
    PyObject *opcode_object = PyLong_FromLong(opcode);
    PyObject *size_object = PyLong_FromSsize_t(size);
    PyObject *message = NULL;
    if (opcode_object && size_object)
        message = type->tp_alloc(type, 4);
    if (!message) {
        Py_XDECREF(opcode_object);
        Py_XDECREF(size_object);
        Py_DECREF(data);
        return NULL;
    }
#if PY_VERSION_HEX >= 0x030E0000
    ((PyTupleObject *)message)->ob_hash = -1; /* not known yet */
#endif
    PyTuple_SET_ITEM(message, 0, opcode_object);
    PyTuple_SET_ITEM(message, 1, data);
    PyTuple_SET_ITEM(message, 2, Py_NewRef(extra));
    PyTuple_SET_ITEM(message, 3, size_object);
    return message;
}

/* Make an object of a subclass of tuple with three items, as tuple.__new__ would. */
static inline PyObject *
aiows_new_triple(PyObject *class, PyObject *first, PyObject *second, PyObject *third)
{
    PyTypeObject *type = (PyTypeObject *)class;
    if (!PyType_Check(class) || !PyType_HasFeature(type, Py_TPFLAGS_TUPLE_SUBCLASS))
        return PyErr_Format(PyExc_TypeError, "%R is no class of tuples", class);
    PyObject *triple = type->tp_alloc(type, 3);
    if (!triple)
        return NULL;
#if PY_VERSION_HEX >= 0x030E0000
    ((PyTupleObject *)triple)->ob_hash = -1; /* not known yet */
#endif
    PyTuple_SET_ITEM(triple, 0, Py_NewRef(first));
    PyTuple_SET_ITEM(triple, 1, Py_NewRef(second));
    PyTuple_SET_ITEM(triple, 2, Py_NewRef(third));
    return triple;
}

/* The offset of a slot in the instances of `class`, which has `__slots__`; 0 if `descriptor` is not that of one. */
static inline Py_ssize_t
aiows_slot_offset(PyObject *class, PyObject *descriptor)
{
    if (!Py_IS_TYPE(descriptor, &PyMemberDescr_Type) || !PyType_Check(class))
        return 0;
    const PyMemberDef *slot = ((PyMemberDescrObject *)descriptor)->d_member;
    const int is_of_class = PyType_IsSubtype((PyTypeObject *)class, PyDescr_TYPE(descriptor));
    return is_of_class && slot->type == T_OBJECT_EX && !(slot->flags & READONLY) ? slot->offset : 0;
}

/* A slot of an object; it holds NULL if it is empty. */
static inline PyObject **
aiows_slot(PyObject *owner, Py_ssize_t offset)
{
    return (PyObject **)((char *)owner + offset);
}

/* Return the value of a slot, and put `instead` there. */
static inline PyObject *
aiows_take_slot(PyObject *owner, Py_ssize_t offset, PyObject *instead)
{
    PyObject **slot = aiows_slot(owner, offset);
    PyObject *taken = *slot;
    *slot = Py_NewRef(instead);
    return taken ? taken : Py_NewRef(instead);
}

/* Unmask bytes to a new `bytes`. */
static inline PyObject *
aiows_unmasked_bytes(const uint8_t *data, Py_ssize_t size, const uint8_t key[4])
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes && size)
        aiows_mask_into((uint8_t *)PyBytes_AS_STRING(bytes), data, (size_t)size, key);
    return bytes;
}

/* Unmask text to a new `str`: directly into it, and decoded only if it is not ASCII. */
static inline PyObject *
aiows_unmasked_text(const uint8_t *data, Py_ssize_t size, const uint8_t key[4])
{
    PyObject *text = PyUnicode_New(size, 127);
    if (!text || !size)
        return text;
    uint8_t *characters = PyUnicode_1BYTE_DATA(text);
    if (aiows_mask_into(characters, data, (size_t)size, key)) {
        PyObject *decoded = PyUnicode_DecodeUTF8((const char *)characters, size, "strict");
        Py_DECREF(text);
        return decoded;
    }
    return text;
}

/* Whether it can be that `value` may be awaited: few kinds of objects can, and most are no generators. */
static inline int
aiows_may_be_awaited(PyObject *value)
{
    PyAsyncMethods *methods = Py_TYPE(value)->tp_as_async;
    return (methods && methods->am_await) || PyGen_CheckExact(value);
}

/* Whether somebody has a weak reference to an object of a type that allows them. */
static inline int
aiows_is_weakly_known(PyObject *value)
{
    return *PyObject_GET_WEAKREFS_LISTPTR(value) != NULL;
}

/* Call `function` with three arguments, by position. */
static inline PyObject *
aiows_call_with_three(PyObject *function, PyObject *first, PyObject *second, PyObject *third)
{
    PyObject *arguments[4] = {NULL, first, second, third};
    return PyObject_Vectorcall(function, arguments + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* Release a buffer. The view is emptied first, because the release may call other code. */
static inline void
aiows_release_buffer(Py_buffer *view)
{
    Py_buffer released = *view;
    view->obj = NULL;
    PyBuffer_Release(&released);
}

#endif
