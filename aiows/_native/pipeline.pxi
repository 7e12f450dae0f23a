"""Takes each message with a kind to its handler, and the handler's answer back to the peer."""

# Looked up once: as a name of the module it would be for every message.
cdef object NO_REF = UNSET

# What is left of a message with which a task goes on.
cdef object GOES_ON = object()

cdef frozenset RESERVED = frozenset(("kind", "ref", "error"))
cdef Py_ssize_t SHORTEST_RESERVED = min(map(len, RESERVED))
cdef Py_ssize_t LONGEST_RESERVED = max(map(len, RESERVED))

cdef enum:
    MOST_ARGUMENTS = 8  # so many lie on the stack; with more than that a handler has other costs

# Where an argument comes from, beside the offsets of a message's slots, which are more than 0.
cdef enum:
    PEER = 0
    MESSAGE_ITSELF = -1
    INSTANCE = -2
    NOWHERE = -3

cdef dict PLACES = {"peer": PEER, "message": MESSAGE_ITSELF, "instance": INSTANCE}


@cython.final
cdef class Plain:
    """A route whose messages need nothing but a call; where they have their ref, and its arguments."""

    cdef object route
    cdef object type
    cdef object _call
    cdef object _handler
    cdef bint needs_instance
    cdef bint is_async  # to call the handler is to make a coroutine, and runs nothing
    cdef Py_ssize_t ref_offset
    cdef Py_ssize_t[MOST_ARGUMENTS] _places
    cdef Py_ssize_t _count

    def __init__(self, type_, route):
        self.route = route
        self.type = type_
        self._call = route.call
        self.needs_instance = route.needs_instance
        self.ref_offset = slot_offset(type_, type_.ref)
        self._set_places(type_, route)

    cdef int _set_places(self, type_, route) except -1:
        """Find where its arguments are, if that is all that there is to know of them."""
        cdef tuple arguments = route.arguments
        self._count = -1
        if arguments is None or len(arguments) > MOST_ARGUMENTS:
            return 0
        for index, argument in enumerate(arguments):
            self._places[index] = place_of(type_, argument)
            if self._places[index] == NOWHERE:
                return 0
        self._handler = route.handler
        self.is_async = iscoroutinefunction(route.handler)
        self._count = len(arguments)
        return 0

    cdef object call(self, ws, message, instance):
        cdef PyObject *arguments[1 + MOST_ARGUMENTS]
        cdef Py_ssize_t index, count = self._count
        for index in range(count):
            arguments[1 + index] = self.argument(index, ws, message, instance)
            if arguments[1 + index] is NULL:
                break  # an empty slot: what reads it as an attribute raises
        else:
            if count >= 0:
                return self.called(arguments, count)
        return self._call(ws, message, instance)

    cdef PyObject *argument(self, Py_ssize_t index, ws, message, instance):
        cdef Py_ssize_t place = self._places[index]
        if place > 0:
            return slot_of(message, place)[0]
        if place == PEER:
            return <PyObject *>ws
        return <PyObject *>message if place == MESSAGE_ITSELF else <PyObject *>instance

    cdef object called(self, PyObject **arguments, Py_ssize_t count):
        """Call the handler; the arguments are kept meanwhile, as their message may change."""
        cdef Py_ssize_t index
        for index in range(count):
            Py_INCREF(<object>arguments[1 + index])
        try:
            return PyObject_Vectorcall(
                self._handler, arguments + 1, <size_t>count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
            )
        finally:
            for index in range(count):
                Py_DECREF(<object>arguments[1 + index])


cdef Py_ssize_t place_of(type_, str argument) except? -3:
    """Where an argument is, as its expression says: NOWHERE if there is more to be done for it."""
    if argument in PLACES:
        return PLACES[argument]
    if not argument.startswith("message."):
        return NOWHERE
    return slot_offset(type_, getattr(type_, argument.removeprefix("message."))) or NOWHERE


@cython.final
cdef class Pipeline:
    cdef object _reader
    cdef object _read
    cdef Py_ssize_t _largest_at_once
    cdef object _runner
    cdef object _bad_messages
    cdef dict _bad_in_a_row
    cdef dict _plain
    cdef object _given_as
    cdef Py_ssize_t _given_size
    cdef Py_ssize_t _type_at
    cdef Py_ssize_t _data_at
    cdef object _payload_type
    cdef JsonCore _json
    cdef readonly object codec
    cdef readonly object opcode
    cdef int _opcode

    def __init__(self, reader, runner, bad_messages, type given_as not None):
        if not issubclass(given_as, tuple):
            raise TypeError(f"{given_as!r} is no class of tuples")
        self._reader = reader
        self._read = reader.read_at_once
        self._largest_at_once = reader.largest_at_once
        self._runner = runner
        self._bad_messages = bad_messages
        self._bad_in_a_row = bad_messages.in_a_row
        self._plain = {
            type_: Plain(type_, route)
            for type_, route in reader.by_type.items()
            if route.is_plain and slot_offset(type_, type_.ref)
        }
        self._given_as = given_as
        self._given_size = len(given_as._fields)
        self._type_at, self._data_at = map(given_as._fields.index, ("type", "data"))
        self._payload_type = runner.payload_type
        self._json = json_core_of(reader.codec)
        self.codec = reader.codec
        self.opcode = self._opcode = reader.codec.opcode

    def handle(self, ws, ConnectionCore connection not None, data, instance):
        return self.take(ws, connection, data, instance, None, None)

    def dispatch(self, ws, ConnectionCore connection not None, msg, instance):
        if type(msg) is self._given_as and PyTuple_GET_SIZE(msg) == self._given_size:
            type_, data = (<tuple>msg)[self._type_at], (<tuple>msg)[self._data_at]
        else:
            type_, data = msg.type, msg.data
        if type_ != self.opcode:
            return False
        context = PyContext_CopyCurrent()
        PyContext_Enter(context)
        try:
            waiting = self.take(ws, connection, data, instance, None, None)
            if type(waiting) is Handling:
                waiting = (<Handling>waiting).step()
        finally:
            PyContext_Exit(context)
        return True if waiting is None else InContext(waiting, context)

    cdef bint take_for(self, PumpCore pump, context, ConnectionCore connection, data) except -1:
        """Handle a message of a connection whose hooks ``pump`` calls; return whether that was all."""
        left = self.take(connection, connection, data, pump._owner, pump, context)
        return left is not GOES_ON and pump.go_on(left, context)

    cdef object take(self, ws, ConnectionCore connection, data, instance, PumpCore pump, context):
        """Return what is left to be awaited, None if nothing is.

        For a ``pump`` the first step of a coroutine is made, inside a task; GOES_ON: with which it goes on.
        """
        cdef ProtocolCore protocol = connection._protocol
        message = self.read(data)
        cdef Plain plain = self._plain.get(type(message))
        if plain is not None and plain.type is not type(message):
            plain = None
        if pump is not None and (plain is None or not plain.is_async):
            pump._stepper.settle()
        if plain is None:
            return self.take_slowly(ws, connection, message, data, instance)
        if self._bad_in_a_row:
            self._bad_messages.forgive(connection)
        ref = take_slot(message, plain.ref_offset, NO_REF)  # of frozen payloads, too
        if ref is NO_REF:
            ref = None
        observer = protocol._flusher.observer
        if observer is not None:
            observer.kind_in(connection, plain.route.kind)
        if (instance is None and plain.needs_instance) or is_busy(protocol.in_flight):
            return self.run(ws, self.request(plain, message, ref), instance)
        return self.call(plain, ws, connection, message, ref, instance, pump, context)

    cdef object read(self, data):
        if self._read is None or len(data) > self._largest_at_once:
            return None
        try:
            return self._read(data)
        except Exception:
            return None  # no message is: the reader finds it again, and says where it was

    cdef object take_slowly(self, ws, ConnectionCore connection, message, data, instance):
        try:
            request = self._reader.requested(message, data)
        except Exception as error:
            return self._bad_messages.refuse(ws, error, self.codec)
        if self._bad_in_a_row:
            self._bad_messages.forgive(connection)
        observer = connection._protocol._flusher.observer
        if observer is not None:
            observer.kind_in(connection, request.kind)
        return self.run(ws, request, instance)

    cdef object run(self, ws, request, instance):
        return self._runner.run(ws, request, instance, self.codec)

    cdef object call(
        self, Plain plain, ws, ConnectionCore connection, message, ref, instance, PumpCore pump, context
    ):
        """Call the handler, and answer with what it returns if that is nothing to wait for."""
        try:
            value = plain.call(ws, message, instance)
        except BaseException as error:
            return self._runner.raised(error, ws, self.request(plain, message, ref), self.codec)
        if type(value) is COROUTINE:
            if pump is None:
                return new_handling(self, plain, ws, connection, message, ref, value)
            return self.step_inside(pump, context, plain, connection, message, ref, value)
        if is_answer(value, self._payload_type):
            return self.answer(plain, ws, connection, message, ref, value)
        return self._runner.returned(value, ws, self.request(plain, message, ref), self.codec)

    cdef object step_inside(
        self, PumpCore pump, context, Plain plain, ConnectionCore connection, message, ref, steps
    ):
        """Make the first step of a handler inside a task, as `PumpCore.step` does; what is left is GOES_ON or None."""
        cdef Parked parked = pump._stepper.enter()
        cdef bint has_ended = False, has_stepped = False
        try:
            left = self.step(plain, connection, connection, message, ref, steps)
            has_ended = left is None or pump.step_on(parked, pump._finish(left), context, None)
            has_stepped = True
        finally:
            pump._stepper.leave(parked, has_stepped)
        return None if has_ended else GOES_ON

    cdef object step(self, Plain plain, ws, ConnectionCore connection, message, ref, steps):
        """Make a handler's first step, and answer if that was all of it; return what is left to be awaited."""
        cdef PyObject *value = NULL
        cdef bint has_ended
        try:
            has_ended = send(steps, &value)
        except BaseException as error:
            return self._runner.raised(error, ws, self.request(plain, message, ref), self.codec)
        sent = owned(value)
        if has_ended:
            return self.answer(plain, ws, connection, message, ref, sent)
        return self._runner.suspended(steps, sent, ws, self.request(plain, message, ref), self.codec)

    cdef object answer(self, Plain plain, ws, ConnectionCore connection, message, ref, value):
        """Answer with what a handler has returned."""
        if is_answer(value, self._payload_type):
            if ref is None:
                return None
            payload = self.reply(value, ref)
            if payload is not None:
                if connection._protocol._flusher.observer is not None:
                    self._runner.replied(connection, value)
                if connection._outbox.try_push(self.opcode, payload) is DROPPED:
                    return self._runner.send_late(ws, payload, self.codec)
                return None
        return self._runner.ended(value, ws, self.request(plain, message, ref), self.codec)

    cdef object request(self, Plain plain, message, ref):
        return self._reader.request_of(plain.route, message, ref)

    cdef bytes reply(self, value, ref):
        """The answer that carries ``value``, or None: there is something wrong with it."""
        try:
            if self._json is not None:
                if type(value) is dict:
                    return self.json_of_fields(ref, <dict>value)
                if isinstance(value, self._payload_type) and value.ref is NO_REF:
                    return self.json_of_payload(ref, value)
            return self._runner.reply(value, ref, self.codec)
        except Exception:
            return None

    cdef bytes json_of_fields(self, ref, dict fields):
        if has_reserved(fields):
            return None
        return self.with_ref(b'{"kind":"reply","ref":', ref, self._json.encoded(fields))

    cdef bytes json_of_payload(self, ref, payload):
        cdef bytes data = self._json.encoded(payload)
        size_of(data)
        has_kind = data.startswith(b'{"kind":')  # no field can have the name
        return self.with_ref(b'{"ref":' if has_kind else b'{"kind":"reply","ref":', ref, data)

    cdef bytes with_ref(self, bytes head, ref, bytes object_):
        """One JSON object: ``head``, the ref, and what ``object_`` has; None if that is no object."""
        cdef Py_ssize_t rest = size_of(object_) - 1  # all but the brace that it begins with
        if rest < 1 or PyBytes_AS_STRING(object_)[0] != c"{":
            return None
        cdef bytes number = self._json.encoded(ref)
        cdef Py_ssize_t first = size_of(head), second = size_of(number)
        cdef bytes whole = PyBytes_FromStringAndSize(NULL, first + second + (rest > 1) + rest)
        cdef char *target = PyBytes_AS_STRING(whole)
        memcpy(target, PyBytes_AS_STRING(head), first)
        target += first
        memcpy(target, PyBytes_AS_STRING(number), second)
        target += second
        if rest > 1:
            target[0] = c","
            target += 1
        memcpy(target, PyBytes_AS_STRING(object_) + 1, rest)
        return whole


cdef bint is_answer(value, payload_type) except -1:
    """Whether it is nothing to wait for, as are most values that handlers return."""
    return value is None or type(value) is dict or isinstance(value, payload_type)


@cython.final
@cython.freelist(8)
cdef class Handling:
    """A coroutine that a handler has returned, and what it takes to answer for it."""

    cdef Pipeline _pipeline
    cdef Plain _plain
    cdef object _ws
    cdef ConnectionCore _connection
    cdef object _message
    cdef object _ref
    cdef object _steps

    cdef object step(self):
        return self._pipeline.step(
            self._plain, self._ws, self._connection, self._message, self._ref, self._steps
        )

    def __await__(self):
        waiting = self.step()
        return iter(()) if waiting is None else waiting.__await__()


cdef Handling new_handling(
    Pipeline pipeline, Plain plain, ws, ConnectionCore connection, message, ref, steps
):
    cdef Handling handling = Handling.__new__(Handling)
    handling._pipeline = pipeline
    handling._plain = plain
    handling._ws = ws
    handling._connection = connection
    handling._message = message
    handling._ref = ref
    handling._steps = steps
    return handling


cdef bint has_reserved(dict fields) except -1:
    """Whether a key is one of the answer's own: their length alone tells most from these."""
    cdef Py_ssize_t size
    for key in fields:
        if isinstance(key, str):
            size = PyUnicode_GET_LENGTH(key)
            if SHORTEST_RESERVED <= size <= LONGEST_RESERVED and key in RESERVED:
                return True
    return False


cdef bint is_busy(in_flight) except -1:
    """Whether handlers of a connection wait, which the next has to be counted among."""
    return in_flight is not None and not in_flight.is_empty
