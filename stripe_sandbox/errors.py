"""What Stripe says when it refuses, in its own JSON."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal with Stripe's type, code and param (docs.stripe.com/api/errors)."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
        stored: bool = True,
        keeps: bool = False,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.decline_code = decline_code
        self.stored = stored  # whether an idempotency key remembers this answer
        self.keeps = keeps  # whether what happened before the refusal stays, such as a failed payment attempt
        self.extra = extra or {}

    def body(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        for name in ("code", "param", "decline_code"):
            value = getattr(self, name)
            if value is not None:
                error[name] = value
        if self.code is not None:
            error["doc_url"] = "https://docs.stripe.com/error-codes/" + self.code.replace("_", "-")
        error["request_log_url"] = f"https://dashboard.stripe.com/acct_sandbox/test/logs/{request_id}"
        return {"error": error | self.extra}


def no_such(kind: str, id: str, *, param: str = "id") -> ApiError:
    """404 for the object a path names, 400 for one that a parameter names."""
    return ApiError(
        f"No such {kind}: '{id}'", status=404 if param == "id" else 400, code="resource_missing", param=param
    )


def bad_parameter(message: str, param: str, code: str | None = None) -> ApiError:
    """The parameters never reached the endpoint, so an idempotency key stays free (documented by Stripe)."""
    return ApiError(message, param=param, code=code, stored=False)
