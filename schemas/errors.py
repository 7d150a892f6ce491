"""The errors of the project, one tree.

SidecarError
├── SettingsError          a setting is missing or contradicts another
├── RecordError            bytes that are no record of ours
│   └── UnknownSchema      a schema id that neither the registry nor the committed map knows
├── ActionError            an action that is unknown or not well-formed
├── SignatureError         a signature that does not hold, or is of no key that is trusted
├── TokenError             a token, such as an approval, that is not what it claims to be
│   ├── UnknownKey         its issuer is trusted, and has no such key
│   └── KeysAwaited        its issuer's keys are just being fetched
├── BrokerError            the broker cannot be had, or refuses
│   ├── PartsMissing       jars, or the Java runtime of the embedded broker, cannot be had here
│   └── TopicError         a topic is missing, has other partitions, or may not be used
├── ApiError               the API does not answer, or refuses
│   └── NotThere           it knows of no such thing
├── StoreError             the knowledge file cannot be used
│   ├── StoreTaken         another process has it open
│   └── Fenced             another control process has taken over
├── BackupError            a backup cannot be made, or is not what was made
├── OperationError         a change that is refused, or that gave way
│   └── Moved              others wrote to the table, which may pass when it is tried again
├── DeliveryError          a receiver did not take a message for people
├── CloneError             no clone could be made, or it is gone
├── InputError             a file that was named is not what it should be: a log of queries, a database
├── ModelError             a model that is not whole, or not for this release
├── LearningError          there is too little to learn from, or to judge by
├── JudgementError         no model answers this, so the rules decide
│   ├── TooLate            its deadline is over
│   ├── Overloaded         as many wait as may
│   ├── WorkerLost         the process of the models ended, hung or grew too large; it is started again
│   ├── InvalidAnswer      a model said something outside of what it was asked to choose from
│   └── NotItsTask         others do it better than this model; nothing is wrong
├── NotMeasurable          this statement cannot be measured on a clone, with the reason
└── Unreadable             this statement cannot be read by the rules, with the reason

Every message says what is wrong and what to do about it.
"""


class SidecarError(Exception):
    """Root of all errors that the sidecar raises on purpose."""


class SettingsError(SidecarError):
    pass


class RecordError(SidecarError):
    pass


class UnknownSchema(RecordError):
    pass


class ActionError(SidecarError):
    pass


class TokenError(SidecarError):
    pass


class UnknownKey(TokenError):
    """`issuer` is the name of whose key it would be."""

    def __init__(self, message: str, issuer: str) -> None:
        super().__init__(message)
        self.issuer = issuer


class KeysAwaited(TokenError):
    pass


class SignatureError(SidecarError):
    pass


class BrokerError(SidecarError):
    pass


class PartsMissing(BrokerError):
    pass


class TopicError(BrokerError):
    pass


class ApiError(SidecarError):
    pass


class NotThere(ApiError):
    pass


class StoreError(SidecarError):
    pass


class StoreTaken(StoreError):
    pass


class Fenced(StoreError):
    pass


class BackupError(SidecarError):
    pass


class OperationError(SidecarError):
    pass


class Moved(OperationError):
    pass


class DeliveryError(SidecarError):
    """`again_s` is how long the receiver asks to be left alone; `is_final` that it will never take this message."""

    def __init__(self, reason: str, *, again_s: float = 0.0, is_final: bool = False) -> None:
        super().__init__(reason)
        self.again_s = again_s
        self.is_final = is_final


class CloneError(SidecarError):
    pass


class InputError(SidecarError):
    pass


class ModelError(SidecarError):
    pass


class LearningError(SidecarError):
    pass


class JudgementError(SidecarError):
    pass


class TooLate(JudgementError):
    pass


class Overloaded(JudgementError):
    pass


class WorkerLost(JudgementError):
    pass


class InvalidAnswer(JudgementError):
    pass


class NotItsTask(JudgementError):
    pass


class NotMeasurable(SidecarError):
    pass


class Unreadable(SidecarError):
    pass
