"""Members, their sessions, and the shared counters."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower

MEMBERS = "members"  # the group whose users may read the members' pages


class Users(BaseUserManager["User"]):
    """How users are made."""

    def create_user(self, email: str, password: str | None = None, **more: Any) -> User:
        """Make a user; without *password* nobody can log in until one is set by mail."""
        user = self.model(email=self.normalize_email(email).lower(), **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **more: Any) -> User:
        """Make a user who may do everything in the admin."""
        return self.create_user(email, password, **{**more, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a user by address, in any letter case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody with a mail address."""

    email = models.EmailField("mail address", max_length=254, unique=True)
    name = models.CharField("name", max_length=100, blank=True)
    is_active = models.BooleanField("active", default=True, help_text="Off: can neither log in nor stay.")
    is_staff = models.BooleanField(
        "staff", default=False, help_text="May open this admin, with a second factor."
    )
    date_joined = models.DateTimeField("since", auto_now_add=True)

    objects: ClassVar[Users] = Users()
    USERNAME_FIELD = EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="email_any_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return what the site calls this user."""
        return str(self)

    get_full_name = get_short_name


class Session(AbstractBaseSession):
    """A session that knows its user: the gate asks once, and all of a user's can be ended."""

    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")

    @classmethod
    def get_session_store_class(cls) -> Any:
        """Return the class that reads these."""
        from api.accounts.sessions import SessionStore

        return SessionStore


class CacheEntry(models.Model):
    """The table of the shared cache, in the form that Django's DatabaseCache expects."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.cache_key
