"""Brings a message to the application's code: to a callback, a view's hook, or the handler of its kind."""


cdef class CallbackHooksCore(HooksCore):
    cdef object _callback
    cdef object _text
    cdef object _binary

    def __init__(self, callback, types):
        self._callback = callback
        self._text, self._binary = types[TEXT], types[BINARY]

    def call(self, owner, connection, message):
        cdef Heading heading
        data = data_of(message, &heading)
        return self.give(connection, heading.opcode, data)

    cdef bint handle(self, PumpCore pump, context, const Heading *heading, data) except -1:
        return pump.go_on(self.give(pump.connection, heading.opcode, data), context)

    cdef object give(self, connection, int opcode, data):
        if self._callback is None:
            return None
        return self._callback(connection, data, self._text if opcode == TEXT else self._binary)


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
        cdef Heading heading
        data = data_of(message, &heading)
        return self.give(owner, heading.opcode, data)

    cdef bint handle(self, PumpCore pump, context, const Heading *heading, data) except -1:
        return pump.go_on(self.give(pump._owner, heading.opcode, data), context)

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

    def call(self, owner, ConnectionCore connection not None, message):
        cdef Heading heading
        cdef Pipeline pipeline = self.pipeline_of(connection.codec)
        data = data_of(message, &heading)
        if heading.opcode == pipeline._opcode:
            return pipeline.take(connection, connection, data, owner, None, None)
        return self.give_other(owner, heading.opcode, data)

    cdef bint handle(self, PumpCore pump, context, const Heading *heading, data) except -1:
        cdef ConnectionCore connection = <ConnectionCore?>pump.connection
        cdef Pipeline pipeline = self.pipeline_of(connection.codec)
        if heading.opcode == pipeline._opcode:
            return pipeline.take_for(pump, context, connection, data)
        pump._stepper.settle()
        return pump.go_on(self.give_other(pump._owner, heading.opcode, data), context)

    cdef object give_other(self, view, int opcode, data):
        if opcode == TEXT and isinstance(data, bytes):
            data = data.decode()
        return self.give(view, opcode, data)

    cdef Pipeline pipeline_of(self, codec):
        cdef PyObject *known = PyDict_GetItemWithError(self._pipelines, codec)
        return self._kinds.pipeline(codec) if known is NULL else <Pipeline?><object>known
