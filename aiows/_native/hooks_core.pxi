"""Brings a message to the application's code: to a callback, a view's hook, or the handler of its kind."""


cdef class CallbackHooksCore(HooksCore):
    cdef object _callback
    cdef object _text
    cdef object _binary

    def __init__(self, callback, types):
        self._callback = callback
        self._text, self._binary = types[TEXT], types[BINARY]

    def call(self, owner, connection, message):
        return self.handle(owner, connection, checked(message))

    cdef object handle(self, owner, connection, tuple message):
        if self._callback is None:
            return None
        type_ = self._text if <int>message[0] == TEXT else self._binary
        return self._callback(connection, message[1], type_)


cdef class ViewHooksCore(HooksCore):
    cdef object _given_as
    cdef object _text
    cdef object _binary

    def __init__(self, type given_as not None, types):
        if not issubclass(given_as, tuple):
            raise TypeError(f"{given_as!r} is no class of tuples")
        self._given_as = given_as
        self._text, self._binary = types[TEXT], types[BINARY]

    def call(self, owner, connection, message):
        return self.handle(owner, connection, checked(message))

    cdef object handle(self, owner, connection, tuple message):
        return self.give(owner, message[0], message[1])

    cdef object give(self, view, int opcode, data):
        type_ = self._text if opcode == TEXT else self._binary
        return view.on_message(new_triple(self._given_as, type_, data, ""))


cdef class KindHooksCore(ViewHooksCore):
    cdef object _kinds
    cdef dict _pipelines

    def __init__(self, kinds, type given_as not None, types):
        ViewHooksCore.__init__(self, given_as, types)
        self._kinds = kinds
        self._pipelines = kinds._pipelines

    cdef object handle(self, owner, connection, tuple message):
        cdef Pipeline pipeline = self.pipeline_of(connection.codec)
        cdef int opcode = message[0]
        data = message[1]
        if opcode == pipeline._opcode:
            return pipeline.take(connection, connection, data, owner)
        if opcode == TEXT and isinstance(data, bytes):
            data = data.decode()
        return self.give(owner, opcode, data)

    cdef Pipeline pipeline_of(self, codec):
        cdef PyObject *known = PyDict_GetItemWithError(self._pipelines, codec)
        return self._kinds.pipeline(codec) if known is NULL else <Pipeline?><object>known
