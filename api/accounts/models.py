"""Models: users, sessions, and the table of the shared cache."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower

MEMBERS_GROUP = "members"  # the group whose users may read the members' pages


class UserManager(BaseUserManager["User"]):
    """Create users, and find them by address in any letter case."""

    def create_user(self, email: str, password: str | None = None, **more: Any) -> User:
        """Create a user; without *password*, the user must set one by mail before the first login."""
        user = self.model(email=self.normalize_email(email).lower(), **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **more: Any) -> User:
        """Create a user with every permission in the admin."""
        return self.create_user(email, password, **{**more, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user with the address *username*, in any letter case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A user, identified by the mail address."""

    email = models.EmailField("mail address", max_length=254, unique=True)
    name = models.CharField("name", max_length=100, blank=True)
    is_active = models.BooleanField("active", default=True, help_text="Off: can neither log in nor stay.")
    is_staff = models.BooleanField(
        "staff", default=False, help_text="May open this admin, with a second factor."
    )
    date_joined = models.DateTimeField("since", auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="email_any_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return the name, or the address without one."""
        return str(self)

    get_full_name = get_short_name


class Session(AbstractBaseSession):
    """A session with its user: the gate needs one query, and all sessions of a user can be deleted."""

    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")

    @classmethod
    def get_session_store_class(cls) -> Any:
        """Return the session store of this model."""
        from api.accounts.sessions import SessionStore

        return SessionStore


class CacheEntry(models.Model):
    """The table of the cache backend, with the columns that Django's DatabaseCache expects."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.cache_key
