"""Calls a hook with each message, one after the other: at once where it is at rest."""

cdef object STATUS = SendStatus


cdef class Consumer:
    """Who may take messages at once."""

    def offer(self, message):
        cdef Heading heading
        return self.take(&heading, data_of(message, &heading))

    cdef bint take(self, const Heading *heading, data) except -1:
        return False


cdef object data_of(message, Heading *heading):
    """Return what `as_message` has made a message of."""
    if not isinstance(message, Message):
        raise TypeError(f"{message!r} is no Message")
    heading.opcode, heading.size = (<tuple>message)[0], (<tuple>message)[3]
    return message if heading.opcode >= FIRST_CONTROL else (<tuple>message)[1]


cdef class HooksCore:
    def call(self, owner, connection, message):
        raise NotImplementedError

    cdef bint handle(self, PumpCore pump, context, const Heading *heading, data) except -1:
        """`call` for a pump, in ``context``; return whether that was all."""
        return pump.go_on(self.call(pump._owner, pump.connection, as_message(heading, data)), context)


cdef class PumpCore(Consumer):
    cdef public object connection
    cdef public object context
    cdef readonly HooksCore _hooks
    cdef readonly object _owner
    cdef readonly Stepper _stepper
    cdef public bint _is_working
    cdef public bint _has_news

    def __init__(self, HooksCore hooks not None, owner, Stepper stepper not None):
        self._hooks = hooks
        self._owner = owner
        self._stepper = stepper
        self._is_working = True
        self.context = stepper.empty

    cdef bint take(self, const Heading *heading, data) except -1:
        if self._is_working:
            return False
        self._is_working = True
        if self.handle(heading, data):
            self.rest_now()
        return True

    def rest(self):
        self.rest_now()

    cdef int rest_now(self) except -1:
        while self._has_news:
            self._is_working = True
            message = self._take()
            if message is None:
                self._has_news = False
            elif not self.handle_any(message):
                return 0
        self._is_working = False
        return 0

    cdef bint handle_any(self, message) except -1:
        cdef Heading heading
        data = data_of(message, &heading)
        return self._handle_control(message) if heading.opcode > BINARY else self.handle(&heading, data)

    cdef bint handle(self, const Heading *heading, data) except -1:
        cdef bint has_ended
        context = PyContext_Copy(self.context)
        PyContext_Enter(context)
        try:
            has_ended = self._hooks.handle(self, context, heading, data)
        except BaseException as error:
            return self.fail_in(context, error)
        PyContext_Exit(context)
        return has_ended

    def _call(self, hook, tuple arguments not None, then not None):
        cdef bint has_ended
        self._stepper.settle()
        context = PyContext_Copy(self.context)
        PyContext_Enter(context)
        try:
            result = hook(*arguments)
            has_ended = result is None or self.step(result, context, then)
        except BaseException as error:
            return self.fail_in(context, error)
        PyContext_Exit(context)
        return has_ended

    cdef bint fail_in(self, context, error) except -1:
        """The hook that was called in ``context`` has raised, and so has ended."""
        try:
            self._failed(error)
        finally:
            PyContext_Exit(context)
        return True

    cdef bint go_on(self, result, context) except -1:
        """Go on with what a hook returned for a message; whether that was all."""
        return result is None or self.step(result, context, None)

    cdef bint step(self, result, context, then) except -1:
        """Go on with what a hook returned, inside a task; whether that was all. ``then``: None for `rest`."""
        cdef Parked parked
        cdef bint has_ended = False, has_stepped = False
        if not is_awaitable(result):
            return True
        parked = self._stepper.enter()
        try:
            work = self.first_step(result)
            has_ended = work is None or self.step_on(parked, work, context, then)
            has_stepped = True
        finally:
            self._stepper.leave(parked, has_stepped)
        return has_ended

    cdef object first_step(self, result):
        """Make the first step of what a hook returned; return what is left to be done."""
        cdef PyObject *value = NULL
        cdef bint has_ended
        if type(result) is COROUTINE:
            has_ended = send(result, &value)
            waits_for = owned(value)
            return None if has_ended else self._finish_rest(result, waits_for)
        return self._finish(result)

    cdef bint step_on(self, Parked parked, work, context, then) except -1:
        """Step ``work`` inside its task, which goes on with it if that was not all; whether it was."""
        cdef PyObject *value = NULL
        cdef bint has_ended = send(work, &value)
        waits_for = owned(value)
        if not has_ended:
            then = self.rest if then is None else then
            self._goes_on(parked.hand_over(work, waits_for, context, then))
        return has_ended

    def _take(self):
        return None

    def _handle_control(self, message):
        return True

    def _failed(self, error):
        raise error

    async def _finish(self, awaitable):
        await awaitable

    def _finish_rest(self, steps, waits_for):
        raise NotImplementedError

    def _goes_on(self, task):
        pass


cdef bint is_awaitable(result) except -1:
    if type(result) is COROUTINE:
        return True
    # What `push` answers may be awaited, and says nothing new: hooks that end with it are common.
    return may_be_awaited(result) and type(result) is not STATUS and isawaitable(result)
