"""Adapters of django-allauth: authentication, mails and second factors of this site."""

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

from api.accounts.mail_queue import enqueue_mail
from api.accounts.models import User


def _authenticate(email: str, password: str) -> User | None:
    """Return the user of *email* and *password*, with two queries and one hash for every address.

    As in allauth, a verified address takes precedence. An inactive user is returned, too: the login refuses
    them after the password was checked.
    """
    addresses = list(EmailAddress.objects.filter(email=email).select_related("user"))
    users = list(User.objects.filter(email=email))
    verified = [one.user for one in addresses if one.verified]
    found: dict[User, None] = dict.fromkeys(verified or [one.user for one in addresses] + users)
    if not found:
        make_password(password)  # takes as long as check_password
    for user in found:
        if user.check_password(password):
            user.backend = settings.AUTHENTICATION_BACKENDS[0]
            return user
    return None


def _site_context() -> dict[str, Any]:
    """Return the template context of the site, from the settings and never from the request."""
    site = SimpleNamespace(name=settings.ENVIRONMENT.site_name, domain=settings.ENVIRONMENT.host)
    return {"current_site": site, "reset_url": f"{settings.ENVIRONMENT.site_url}/account/reset/"}


class AccountAdapter(DefaultAccountAdapter):
    """Accounts without sign-up: only the owner adds members."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: the owner adds members."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the user of an address and a password in constant time, unlike allauth.

        allauth makes one more query for an address that is unknown or not verified.
        """
        email, password = credentials.get("email", ""), credentials.get("password", "")
        self.pre_authenticate(request, **credentials)
        user = _authenticate(email.lower(), password)
        if user:
            # Do not count a success. Clearing the counter would allow a guess after every login of one's own.
            self._rollback_login_failed_rl_usage()
        else:
            self.authentication_failed(request, **credentials)
        return user

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail: immediately for a request with send_mail_now, else by the mail queue."""
        mail = self.render_mail(template_prefix, email, {"email": email, "request": self.request, **context})
        if getattr(self.request, "send_mail_now", False):
            mail.send()
        else:
            enqueue_mail(mail)

    def render_mail(
        self, template_prefix: str, email: Any, context: dict[str, Any], headers: Any = None
    ) -> Any:
        """Render a mail with the site's name and domain from the settings."""
        return super().render_mail(template_prefix, email, {**context, **_site_context()}, headers)

    def format_email_subject(self, subject: str) -> str:
        """Return *subject* after the site's name in brackets."""
        return f"[{settings.ENVIRONMENT.site_name}] {subject}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the URL of the page that sets a new password."""
        return str(get_frontend_url(self.request, "account_reset_password_from_key", key=key))


class MFAAdapter(DefaultMFAAdapter):
    """Second factors: encrypted at rest, bound to the site's host name."""

    def _keys(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in settings.ENVIRONMENT.encryption_keys])

    def encrypt(self, text: str) -> str:
        """Return *text* encrypted: a copy of the database does not give second factors away."""
        return self._keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the text of *encrypted_text*, decrypted with any configured key."""
        try:
            return self._keys().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise RuntimeError(
                "a second factor was encrypted with a key that LOGIN_ENCRYPTION_KEYS lacks"
            ) from None

    def _get_site_name(self) -> str:
        return str(settings.ENVIRONMENT.site_name)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the relying party of passkeys."""
        return {"id": settings.ENVIRONMENT.host, "name": settings.ENVIRONMENT.site_name}


def send_invitation(user: User) -> None:
    """Send *user* a mail with a link to set the password; using the link verifies the address.

    Raise OSError or SMTPException when the mail cannot be sent.
    """
    from allauth.account.forms import default_token_generator
    from allauth.account.internal.flows.password_reset import request_password_reset

    EmailAddress.objects.get_or_create(user=user, email=user.email, defaults={"primary": True})
    request = make_site_request()
    request.send_mail_now = True  # type: ignore[attr-defined]
    with request_context(request):
        request_password_reset(request, user.email, [user], default_token_generator)


def make_site_request() -> HttpRequest:
    """Return a request to the site's host, from which allauth builds links."""
    request = HttpRequest()
    request.META |= {"SERVER_NAME": settings.ENVIRONMENT.host, "SERVER_PORT": "443"}
    return request
