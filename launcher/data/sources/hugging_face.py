"""Whether the Hugging Face hub answers, asked once: its library retries for most of a minute."""

from __future__ import annotations

from launcher.errors import DataError

TIMEOUT_S = 10


def is_reachable(name: str, *, key: str, repo_type: str, revision: str | None = None) -> bool:
    """Whether the hub answers and has the `dataset` or `model` of this name; `key` is the config's for it.

    Raises:
        DataError: the hub answers that there is no such thing, or that it is not for this user.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        HfApi().repo_info(name, repo_type=repo_type, revision=revision, timeout=TIMEOUT_S)
    except GatedRepoError as error:
        raise DataError(f"{key}={name} is gated; accept its terms on huggingface.co and type hf auth login") from error
    except RevisionNotFoundError as error:
        raise DataError(f"{key}={name} has no revision {revision}; use a branch, a tag or a commit of it") from error
    except RepositoryNotFoundError as error:
        raise DataError(
            f"{key}={name} is not on the Hugging Face hub, or is private; check the name, or type hf auth login"
        ) from error
    except Exception:  # no network, a proxy, a server that is down: the library has no common class for them
        return False
    return True
