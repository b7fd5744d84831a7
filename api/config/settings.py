"""Settings of Django, made of the environment. Every line that is not a default has a reason.

Reads the environment (api/config/env.py). No writes, no network.
"""

from __future__ import annotations

import os

import dj_database_url

from api.config import env

ENVIRONMENT = env.read(os.environ)

DEBUG = False
SECRET_KEY, *SECRET_KEY_FALLBACKS = ENVIRONMENT.secret_keys
ROOT_URLCONF = "api.config.urls"
WSGI_APPLICATION = "api.config.wsgi.application"
ASGI_APPLICATION = "api.config.asgi.application"
# The site's own name only: links in mails are made of it, never of what a request says.
ALLOWED_HOSTS = [ENVIRONMENT.host]
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.site_url]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "api.accounts.apps.Accounts",
    "api.accounts.apps.Admin",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "django_prometheus",
]
MIDDLEWARE = [
    "api.health.middleware.cluster",
    "api.config.middleware.known_host",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "api.accounts.middleware.bounded_hashing",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "api.config.middleware.limited_requests",
    "api.config.middleware.json_errors",
    "api.config.credentials.CredentialErrors",
    "api.accounts.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database and cache --------------------------------------------------------------------------

_database = dj_database_url.parse(ENVIRONMENT.database_url)
if _database["ENGINE"].endswith("sqlite3"):
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # else two writers deadlock and one fails at once
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    _database["CONN_HEALTH_CHECKS"] = True
    _database["DISABLE_SERVER_SIDE_CURSORS"] = ENVIRONMENT.pooler
    _options = _database.setdefault("OPTIONS", {})
    _options.setdefault("connect_timeout", 3)
    if ENVIRONMENT.database_pool:
        _options["pool"] = {
            "min_size": 1,
            "max_size": ENVIRONMENT.database_pool,
            # Seconds for a connection; NGINX waits 2 for an answer of the gate.
            "timeout": 1.5,
            # Seconds of trying, with longer and longer pauses, before it begins anew. The default of 300
            # leaves a process alone for minutes after a database that was away for minutes is back.
            "reconnect_timeout": 5,
        }
DATABASES = {"default": _database}

# Counters of failed logins and used codes: shared by all processes, and deleted only when they expire.
CACHES = {"default": {"BACKEND": "api.accounts.cache.LimitCache", "LOCATION": "accounts_cacheentry"}}

# --- Sessions and cookies ------------------------------------------------------------------------

# In the database, so that they can be ended from here. __Host-: sent to this host alone, over TLS alone.
SESSION_ENGINE = "api.accounts.sessions"
SESSION_COOKIE_AGE = 12 * 3600  # seconds
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.tls
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "__Host-sessionid" if ENVIRONMENT.tls else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if ENVIRONMENT.tls else "csrftoken"
CSRF_COOKIE_AGE = None  # goes with the browser's session
CSRF_FAILURE_VIEW = "api.config.errors.csrf_failure"

# --- What NGINX in front says, and what it does ---------------------------------------------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.proxy else None
SECURE_SSL_REDIRECT = False  # the edge does that
SECURE_HSTS_SECONDS = 31536000 if ENVIRONMENT.tls else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS of sub-domains: other hosts of the domain are not this site's to decide
    "security.W021",  # nor is the list of browsers
    "security.W008",  # the edge redirects to https
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024  # bytes; NGINX refuses more before
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# --- Accounts -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["api.accounts.hashers.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
     "OPTIONS": {"user_attributes": ("email", "name")}},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "api.accounts.passwords.MaximumLength"},
]  # fmt: skip
PASSWORD_RESET_TIMEOUT = 24 * 3600  # seconds

ACCOUNT_ADAPTER = "api.accounts.adapters.Accounts"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password or authenticator is told to its owner
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody is written to because a stranger typed his address
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # this session stays, all others end with the old password
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before anything that a borrowed session must not change
ACCOUNT_MAX_EMAIL_ADDRESSES = 2
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if ENVIRONMENT.tls else "http"
ACCOUNT_RATE_LIMITS = {
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "reset_password": "20/m/ip,5/m/key",
    "reauthenticate": "10/m/user",
    "reset_password_from_key": "20/m/ip",
    "signup": "20/m/ip",
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "confirm_email": "1/3m/key",
}
ALLAUTH_TRUSTED_CLIENT_IP_HEADER = "X-Real-IP" if ENVIRONMENT.proxy else None

HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)  # the other API knows no CSRF
# The key stands behind "#": browsers keep that to themselves, so it is in no log and no Referer.
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": ENVIRONMENT.site_url + "/account/verify/#{key}",
    "account_reset_password": ENVIRONMENT.site_url + "/account/reset/",
    "account_reset_password_from_key": ENVIRONMENT.site_url + "/account/reset/new/#{key}",
    "account_signup": ENVIRONMENT.site_url + "/account/login/",
}

MFA_ADAPTER = "api.accounts.adapters.SecondFactor"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = ENVIRONMENT.site_name
MFA_TOTP_TOLERANCE = 0  # more would let a used code be used again
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not ENVIRONMENT.tls

# --- Mail -----------------------------------------------------------------------------------------

_backend = "smtp" if ENVIRONMENT.mail_host else "console"
EMAIL_BACKEND = f"django.core.mail.backends.{_backend}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = ENVIRONMENT.mail_host, ENVIRONMENT.mail_port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENVIRONMENT.mail_user, ENVIRONMENT.mail_password
EMAIL_USE_TLS, EMAIL_USE_SSL = ENVIRONMENT.mail_tls == "starttls", ENVIRONMENT.mail_tls == "tls"
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = ENVIRONMENT.mail_from or f"login@{ENVIRONMENT.host}"

# --- Files of the admin, and the log --------------------------------------------------------------

STATIC_URL = "/admin/static/"
WHITENOISE_USE_FINDERS = True  # straight from the package: nothing to collect

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    # A refused request is the client's fault, and its path may name a key: neither a line nor a traceback.
    "loggers": {"django.request": {"level": "ERROR"}, "django.security": {"level": "CRITICAL"}},
}
PROMETHEUS_EXPORT_MIGRATIONS = False
