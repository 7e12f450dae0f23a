"""In goes a function, out comes a call of it with every parameter filled: endpoints and handlers alike.

A signature is read once, at registration. A parameter is, by the first rule that fits:

- a factory's value: ``Annotated[X, use(factory)]``;
- the connection: it is named ``ws``, or annotated with a face of a connection;
- provided: its type, or a base of it, is in the table that `provide` fills;
- ignored: ``Ignore[X]``, which leaves it its default;
- the whole payload: it is annotated with the type that the caller names;
- the value of a factory that some other parameter uses, or that is a dependency of the kind or its
  dispatcher, and that says that it returns that class (``-> Ignore[X]``: not for everybody);
- a field of the message, or a value of the request's path or query: every other one.

Annotations may be strings. What could never work is a RegistrationError with the function's
qualified name, file and line.
"""

from .markers import AsyncResource, Factory, Ignore, Use, read_dependencies, use
from .parameters import Parameter, Source, asked_by, fields_asked_by
from .plan import Plan
from .providers import is_face, provide, user_id
from .reading import check_handler, read_parameters
from .request_values import RequestValues
from .scope import EndpointScope
from .signature import (
    NO_DEFAULT,
    declared_parameters,
    innermost,
    names_known_to,
    place_of,
    refusal,
    return_annotation,
)

__all__ = (
    "NO_DEFAULT",
    "AsyncResource",
    "EndpointScope",
    "Factory",
    "Ignore",
    "Parameter",
    "Plan",
    "RequestValues",
    "Source",
    "Use",
    "asked_by",
    "check_handler",
    "declared_parameters",
    "fields_asked_by",
    "innermost",
    "is_face",
    "names_known_to",
    "place_of",
    "provide",
    "read_dependencies",
    "read_parameters",
    "refusal",
    "return_annotation",
    "use",
    "user_id",
)
