"""Django settings, from the environment. Each setting that is not a default has a reason.

Reads the environment (api/config/environment.py). No writes, no network.
"""

from __future__ import annotations

import os

import dj_database_url

from api.config import environment

ENVIRONMENT = environment.load_environment(os.environ)

DEBUG = False
SECRET_KEY, *SECRET_KEY_FALLBACKS = ENVIRONMENT.secret_keys
ROOT_URLCONF = "api.config.urls"
WSGI_APPLICATION = "api.config.wsgi.application"
ASGI_APPLICATION = "api.config.asgi.application"
# Only the site's own host. Links in mails use it, too, and never the Host header.
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
    "api.accounts.apps.AccountsConfig",
    "api.accounts.apps.MembersAdminConfig",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "django_prometheus",
]
MIDDLEWARE = [
    "api.health.middleware.health_checks",
    "api.config.middleware.validate_host",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "api.accounts.middleware.limit_hashing",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "api.config.middleware.validate_request",
    "api.config.middleware.json_errors",
    "api.config.webauthn_errors.WebAuthnErrorMiddleware",
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
        "transaction_mode": "IMMEDIATE",  # with DEFERRED two writers deadlock, and one fails immediately
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
            # Seconds to get a connection; NGINX waits 2 for a response of the gate.
            "timeout": 1.5,
            # Seconds of retries with exponential backoff before the backoff restarts. With the default of
            # 300, a process reconnects minutes after an outage of minutes has ended.
            "reconnect_timeout": 5,
        }
DATABASES = {"default": _database}

# The rate limits of failed logins and used codes: shared by all processes, deleted only after they expire.
CACHES = {"default": {"BACKEND": "api.accounts.cache.RateLimitCache", "LOCATION": "accounts_cacheentry"}}

# --- Sessions and cookies ------------------------------------------------------------------------

# In the database, so that the API can end sessions. __Host-: sent only to this host, and only over TLS.
SESSION_ENGINE = "api.accounts.sessions"
SESSION_COOKIE_AGE = 12 * 3600  # seconds
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.tls
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "__Host-sessionid" if ENVIRONMENT.tls else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if ENVIRONMENT.tls else "csrftoken"
CSRF_COOKIE_AGE = None  # a session cookie
CSRF_FAILURE_VIEW = "api.config.errors.csrf_failure"

# --- Security behind NGINX ------------------------------------------------------------------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.proxy else None
SECURE_SSL_REDIRECT = False  # the edge redirects
SECURE_HSTS_SECONDS = 31536000 if ENVIRONMENT.tls else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS of sub-domains: the domain's owner decides about other hosts
    "security.W021",  # HSTS preload: the same
    "security.W008",  # the edge redirects to https
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024  # bytes; NGINX has the same limit
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
    {"NAME": "api.accounts.passwords.MaximumLengthValidator"},
]  # fmt: skip
PASSWORD_RESET_TIMEOUT = 24 * 3600  # seconds

ACCOUNT_ADAPTER = "api.accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = True  # mail the user about a changed password or authenticator
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to unknown addresses
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # keep this session; a receiver ends all others
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before a stolen session could change credentials
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
HEADLESS_CLIENTS = ("browser",)  # the "app" client has no CSRF protection
# The key is in the fragment, which browsers do not send: it reaches neither a log nor a Referer.
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": ENVIRONMENT.site_url + "/account/verify/#{key}",
    "account_reset_password": ENVIRONMENT.site_url + "/account/reset/",
    "account_reset_password_from_key": ENVIRONMENT.site_url + "/account/reset/new/#{key}",
    "account_signup": ENVIRONMENT.site_url + "/account/login/",
}

MFA_ADAPTER = "api.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = ENVIRONMENT.site_name
MFA_TOTP_TOLERANCE = 0  # with more, a used code would be valid again
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not ENVIRONMENT.tls

# --- Mail -----------------------------------------------------------------------------------------

_backend = "smtp" if ENVIRONMENT.mail_host else "console"
EMAIL_BACKEND = f"django.core.mail.backends.{_backend}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = ENVIRONMENT.mail_host, ENVIRONMENT.mail_port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENVIRONMENT.mail_user, ENVIRONMENT.mail_password
EMAIL_USE_TLS, EMAIL_USE_SSL = ENVIRONMENT.mail_tls == "starttls", ENVIRONMENT.mail_tls == "tls"
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = ENVIRONMENT.mail_from or f"login@{ENVIRONMENT.host}"

# --- Static files of the admin, logging -----------------------------------------------------------

STATIC_URL = "/admin/static/"
WHITENOISE_USE_FINDERS = True  # serve from the packages, without collectstatic

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    # Log no refused request: it is a client error, and its path may contain a key.
    "loggers": {"django.request": {"level": "ERROR"}, "django.security": {"level": "CRITICAL"}},
}
PROMETHEUS_EXPORT_MIGRATIONS = False
