"""What `typing.Annotated` can say of a parameter: its default, its limits, how a widget steps."""

from dataclasses import dataclass


@dataclass
class Default:
    """The value of a parameter that was never set."""

    value: object


@dataclass
class Decimals:
    """Digits after the point in a spin box."""

    value: int


@dataclass
class SingleStep:
    """How far one click of a spin box goes."""

    value: float


class Validator:
    """Refuses values."""

    def validate(self, value):
        """Raises ValueError for a value that the parameter cannot have."""
        raise NotImplementedError


@dataclass
class Minimum(Validator):
    minimum: float

    def validate(self, value):
        if value < self.minimum:
            raise ValueError(f"Value must be at least {self.minimum}, not {value}.")


@dataclass
class Maximum(Validator):
    maximum: float

    def validate(self, value):
        if value > self.maximum:
            raise ValueError(f"Value must be at most {self.maximum}, not {value}.")


@dataclass
class WithinRange(Validator):
    minimum: float
    maximum: float

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within {self.minimum} and {self.maximum}, not {value}.")


@dataclass
class Choice(Validator):
    choices: list

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value must be one of {list(self.choices)}, not {value!r}.")
