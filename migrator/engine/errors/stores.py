"""What is wrong with a store or the way to it: a person must act, or it is worth another try."""

from __future__ import annotations

from integrity.evidence import ErrorCode
from migrator.engine.errors.root import EngineError


class ConnectionProblem(EngineError):
    """A person must act; no item is to blame. The run pauses once, with its cause."""


class CredentialsExpired(ConnectionProblem):
    """ExpiredToken, TokenRefreshRequired, InvalidToken."""

    pause_cause = refuse_cause = "credentials_expired"
    advice = (
        "These temporary credentials have run out. The run waits; with new ones it goes on where it stopped. "
        "Tell an admin."
    )
    advice_admin = "These temporary credentials have run out. Enter new ones; the run goes on where it stopped."


class CredentialsRefused(ConnectionProblem):
    """InvalidAccessKeyId, SignatureDoesNotMatch."""

    pause_cause = refuse_cause = "credentials_refused"
    advice = (
        'The storage service does not accept the keys of "{connection}". The run waits. '
        "Tell an admin to enter them again."
    )
    advice_admin = (
        "The storage service does not know this access key. It was deleted, or it belongs to another "
        "service. "
        "Enter a new one."
    )


class SecretRefused(CredentialsRefused):
    """SignatureDoesNotMatch, confirmed by a plain request."""

    advice_admin = (
        "The secret key does not fit the access key, or something on the way changed the request. "
        "Enter the secret again, without blanks."
    )


class WrongRegion(ConnectionProblem):
    """PermanentRedirect, AuthorizationHeaderMalformed."""

    pause_cause = refuse_cause = "wrong_region"
    advice = (
        '"{bucket}" is in region {region}; the connection says {other}. '
        "Tell an admin to change the region of the connection."
    )
    advice_admin = '"{bucket}" is in region {region}; the connection says {other}. Change the region of the connection.'


class ClockSkew(ConnectionProblem):
    """RequestTimeTooSkewed."""

    pause_cause = refuse_cause = "clock_skew"
    advice = (
        "The clock of this server and that of the storage service differ by {n} minutes. Set the clock, then continue."
    )


class BucketMissing(ConnectionProblem):
    """NoSuchBucket."""

    pause_cause = refuse_cause = "bucket_missing"
    advice = 'There is no bucket "{bucket}" at {endpoint}. Check the spelling, or pick one from the list.'


class DestinationFull(ConnectionProblem):
    """QuotaExceeded, 507."""

    pause_cause = "destination_full"
    advice = "The destination is full or at its quota. Make room, then continue."


class LocalDiskFull(ConnectionProblem):
    """No room in the spool folder."""

    pause_cause = "local_disk_full"
    advice = "The disk of this server is full. Make room, then continue. Tell an admin."
    advice_admin = "The disk of this server is full. Make room, then continue."


class StoreBusy(EngineError):
    """Nothing is wrong with the item; another attempt is worth it."""

    retryable = True


class Throttled(StoreBusy):
    """SlowDown, TooManyRequests, 429, 503."""

    code = ErrorCode.THROTTLED
    advice = "The storage service asks us to go slower. We do. Nothing is lost."


class StoreFault(StoreBusy):
    """InternalError, 500, 502, 504, and answers that say nothing."""

    code = ErrorCode.STORE_ERROR
    advice = "The storage service {fault}. We try again."


class AnswerUnreadable(StoreFault):
    """A 2xx whose body is empty, HTML, endless, or not what was asked for."""


class CopyNotResumed(StoreFault):
    """Reading back broke off, and could not go on where it had: another object is there now, or ranges are ignored."""

    advice = (
        "The destination broke off while we read the copy back, and did not go on where it had stopped. We try again."
    )


class EndpointUnreachable(StoreBusy):
    """No address, no connection, or a connection that was lost."""

    code = ErrorCode.ENDPOINT_UNREACHABLE
    refuse_cause = "endpoint_unreachable"
    advice = "The storage service at {host} did not answer. We try again."


class NotConnected(EndpointUnreachable):
    """No connection came about, so nothing that was asked for was done."""


class NameNotFound(EndpointUnreachable):
    """The host has no address."""

    advice = "No address is known for {host}. Check the spelling, or the network of this server."


# These say that what was asked for was not done, so it may be asked for again whatever it is.
NOTHING_DONE = (Throttled, NameNotFound, NotConnected)


class NobodyThere(EndpointUnreachable):
    """Nothing takes a connection, while a person waits for the answer."""

    advice = "Nothing answers at {host}. Check the address and the port, and what stands between."


class CopySilent(EndpointUnreachable):
    """The destination was silent while the copy was read back."""

    advice = "The destination at {host} went silent while we read the copy back. We try again."


class SourceTimeout(StoreBusy):
    """The source was silent in the middle of a body."""

    code = ErrorCode.SOURCE_TIMEOUT
    advice = "The storage service did not answer in time. We try again."


class TooSlow(StoreBusy):
    """The source sends, but so slowly that it would never end."""

    code = ErrorCode.TOO_SLOW
    advice = "The storage service sends so slowly that this object would not be done in time. We try again."


class CopyTooSlow(TooSlow):
    """The destination sends so slowly that reading back would never end."""

    advice = "The destination sends so slowly that reading the copy back would not be done in time. We try again."
