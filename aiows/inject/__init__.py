"""Dependency injection: calls endpoints and handlers with the values that their parameters ask for.

A signature is read once, at registration. The first rule that fits decides where a parameter's value is from:

- ``Annotated[X, use(factory)]``: the factory's value;
- named ``ws``, or annotated with a class that shows a connection: the connection;
- annotated with a type that was given to `provide`, or a subclass of one: that provider's value;
- ``Ignore[X]``: its default;
- annotated with the type of the payload: the whole payload;
- annotated with a class that a factory returns: that factory's value. The factory is one that another
  parameter uses, or a dependency of the kind or of its dispatcher. (A factory that returns ``Ignore[X]``
  is not used in this way.);
- anything else: a field of the message, or a value from the request's path or query.

Annotations may be strings. A function that could never work is a RegistrationError with its qualified name,
file and line.
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
