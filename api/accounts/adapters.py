"""Where allauth asks this site how it wants things."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.context import request_context
from allauth.core.internal.httpkit import get_frontend_url
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from api.accounts.models import User
from api.accounts.post import send_soon


def _authenticated(email: str, password: str) -> User | None:
    """Return the user whose *email* and *password* these are: by two queries and one hash, whoever it is.

    As in allauth, a verified address goes before one that is not, and an inactive user is returned: the
    login refuses them, and only they learn it.
    """
    addresses = list(EmailAddress.objects.filter(email=email).select_related("user"))
    users = list(User.objects.filter(email=email))
    verified = [one.user for one in addresses if one.verified]
    found: dict[User, None] = dict.fromkeys(verified or [one.user for one in addresses] + users)
    if not found:
        make_password(password)  # takes as long as checking one
    for user in found:
        if user.check_password(password):
            user.backend = settings.AUTHENTICATION_BACKENDS[0]
            return user
    return None


def _facts() -> dict[str, Any]:
    """Return what mails say of the site: from the configuration, never from what a request says."""
    site = SimpleNamespace(name=settings.ENVIRONMENT.site_name, domain=settings.ENVIRONMENT.host)
    return {"current_site": site, "reset_url": f"{settings.ENVIRONMENT.site_url}/account/reset/"}


class Accounts(DefaultAccountAdapter):
    """Accounts: given by the owner, not taken."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no: the owner adds members."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the user of an address and a password; as allauth, but with equal work for every address.

        allauth makes one query more for an address that is unknown or not verified.
        """
        email, password = credentials.get("email", ""), credentials.get("password", "")
        self.pre_authenticate(request, **credentials)
        user = _authenticated(email.lower(), password)
        if user:
            # A success does not clear the counter, or every second guess could be one: it is not counted.
            self._rollback_login_failed_rl_usage()
        else:
            self.authentication_failed(request, **credentials)
        return user

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail in the name of the site: at once where its sender waits for it, else soon."""
        mail = self.render_mail(template_prefix, email, {"email": email, "request": self.request, **context})
        if getattr(self.request, "waits_for_mail", False):
            mail.send()
        else:
            send_soon(mail)

    def render_mail(
        self, template_prefix: str, email: Any, context: dict[str, Any], headers: Any = None
    ) -> Any:
        """Write a mail; the site's name and domain are those of the configuration."""
        return super().render_mail(template_prefix, email, {**context, **_facts()}, headers)

    def format_email_subject(self, subject: str) -> str:
        """Begin the subject with the site's name."""
        return f"[{settings.ENVIRONMENT.site_name}] {subject}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the page where a new password is set."""
        return str(get_frontend_url(self.request, "account_reset_password_from_key", key=key))


class SecondFactor(DefaultMFAAdapter):
    """Second factors: kept encrypted, bound to the site's own name."""

    def _keys(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in settings.ENVIRONMENT.encryption_keys])

    def encrypt(self, text: str) -> str:
        """Return *text* as it is stored: a copy of the database opens no account."""
        return self._keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return what was stored, by any of the keys that are still known."""
        try:
            return self._keys().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise RuntimeError(
                "a second factor was encrypted with a key that LOGIN_ENCRYPTION_KEYS lacks"
            ) from None

    def _get_site_name(self) -> str:
        return str(settings.ENVIRONMENT.site_name)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return for whom passkeys are made."""
        return {"id": settings.ENVIRONMENT.host, "name": settings.ENVIRONMENT.site_name}


def invite(user: User) -> None:
    """Send *user* the mail by which a password is set; using it verifies the address, too.

    Raises OSError or SMTPException when the mail cannot be sent.
    """
    from allauth.account.forms import default_token_generator
    from allauth.account.internal.flows.password_reset import request_password_reset

    EmailAddress.objects.get_or_create(user=user, email=user.email, defaults={"primary": True})
    request = own_request()
    request.waits_for_mail = True  # type: ignore[attr-defined]
    with request_context(request):
        request_password_reset(request, user.email, [user], default_token_generator)


def own_request() -> HttpRequest:
    """Return a request as the site's own pages send it: allauth makes links of one."""
    request = HttpRequest()
    request.META |= {"SERVER_NAME": settings.ENVIRONMENT.host, "SERVER_PORT": "443"}
    return request
