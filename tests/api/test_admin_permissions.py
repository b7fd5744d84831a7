"""Staff users in the admin: what each permission allows, and no privilege escalation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import pytest

from tests.api.live_site import Browser, Response, Site
from tests.api.second_factors import grant_permissions, login_owner, login_staff, member_with_totp
from tests.support.previews import wait_until

FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
MARKER = "mark-5e1c"  # in the name of each privileged user; must not be on any page for the staff user
EVIL = "evil@staff.example"
STAFF = "staff@staff.example"

GRANT_PRIVILEGES = f"""
import json
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from api.accounts.models import User
powers = Group.objects.create(name="powers {MARKER}")
powers.permissions.set(Permission.objects.all())
every = dict(email__endswith="@staff.example")
users = {{user.email.split("@")[0]: user for user in User.objects.filter(**every)}}
users["peer"].is_staff = True
users["peer"].user_permissions.set(Permission.objects.filter(codename="delete_user"))
users["holder"].user_permissions.set(Permission.objects.filter(codename="view_user"))
users["grouped"].groups.add(powers)
for name in ("owner", "peer", "holder", "grouped"):
    users[name].name = f"{{name}} {MARKER}"
    users[name].save()
keys = {{name: user.pk for name, user in users.items()}}
keys |= {{f"{{name}}_address": EmailAddress.objects.get(user=user).pk for name, user in users.items()}}
keys |= {{f"{{one.user.email.split('@')[0]}}_factor": one.pk
          for one in Authenticator.objects.filter(user__in=users.values(), type="totp")}}
keys |= {{"powers": powers.pk, "members": Group.objects.get(name="members").pk}}
print(json.dumps(keys))
"""
# All privileged users, and everything that grants privileges.
STATE = """
import json
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from api.accounts.models import Session, User
def user(one):
    return [one.email, one.name, one.is_active, one.is_staff, one.is_superuser, one.password,
            sorted(EmailAddress.objects.filter(user=one).values_list("email", "verified", "primary")),
            sorted(Authenticator.objects.filter(user=one).values_list("type", flat=True)),
            sorted(one.groups.values_list("name", flat=True)), one.user_permissions.count(),
            Session.objects.filter(user=one).count()]
print(json.dumps({
    "users": {name: user(User.objects.get(pk=key)) for name, key in KEYS.items()},
    "privileged": sorted(User.objects.exclude(is_staff=False, is_superuser=False, user_permissions=None)
                         .values_list("pk", flat=True)),
    "groups": sorted((one.name, one.permissions.count()) for one in Group.objects.all()),
    "powers": sorted(User.objects.filter(groups__permissions__isnull=False).distinct()
                     .values_list("pk", flat=True)),
}))
"""
PRIVILEGED = ("owner", "peer", "holder", "grouped", "staff")


@dataclass(frozen=True)
class Case:
    """A staff user, and primary keys by name: "owner", "owner_address", "owner_factor", "powers"."""

    site: Site
    one: Browser
    keys: dict[str, int]
    boss: Browser

    @property
    def owner(self) -> Case:
        """Return the same case with the owner's browser."""
        return replace(self, one=self.boss)

    def state(self) -> str:
        """Return the state that only a superuser may change."""
        who = {name: self.keys[name] for name in PRIVILEGED}
        return self.site.python(f"KEYS = {who!r}\n{STATE}")

    def get(self, path: str) -> Response:
        """Request a page of the admin."""
        return self.send("GET", path, {})

    def send(self, method: str, path: str, fields: dict[str, str]) -> Response:
        """Send a request directly to the API, past NGINX's rate limits."""
        raw = urlencode(fields).encode() if method == "POST" else None
        more = {**(FORM_HEADERS if raw else {}), "X-Real-IP": self.one.address}
        return self.one.send(method, f"/admin/{path}", headers=more, raw=raw, port=self.site.ports[0])


@pytest.fixture(scope="module")
def case(site: Site) -> Iterator[Case]:
    """The owner, other staff, users with permissions, a member, and the attacking staff user."""
    owner = login_owner(site, "owner@staff.example")
    for name in ("peer", "member"):
        member_with_totp(site, f"{name}@staff.example")
    for name in ("holder", "grouped"):
        site.member(f"{name}@staff.example")
    one = login_staff(site, STAFF)
    yield Case(site, one, json.loads(site.python(GRANT_PRIVILEGES)), owner)
    site.python(
        f"from django.contrib.auth.models import Group as G; G.objects.get(name='powers {MARKER}').delete()"
    )


def attacks(keys: dict[str, int]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield requests that must not change anything when a staff user without privileges sends them."""
    powers = {
        "email": EVIL, "name": "evil", "is_active": "on", "is_staff": "on", "is_superuser": "on",
        "groups": str(keys["powers"]), "user_permissions": "1", "password": "x", "_save": "Save",
    }  # fmt: skip
    users, addresses, factors = "accounts/user/", "account/emailaddress/", "mfa/authenticator/"
    for name in PRIVILEGED:
        user, address = f"{users}{keys[name]}/", keys[f"{name}_address"]
        yield "POST", f"{user}change/", powers
        yield "POST", f"{user}change/", {"email": f"{name}@staff.example", "name": "off"}
        yield "POST", f"{user}delete/", {"post": "yes"}
        for page in ("change", "delete", "history", "password"):
            yield "GET", f"{user}{page}/", {}
        for action in ("delete_selected", "end_sessions", "send_invitation"):
            chosen = {"action": action, "_selected_action": str(keys[name]), "post": "yes"}
            yield "POST", users, chosen
        listed = {"form-0-id": str(keys[name]), "form-0-email": EVIL, "form-0-is_staff": "on"}
        yield "POST", users, {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "_save": "Save", **listed}
        forged = {"user": str(keys[name]), "email": EVIL, "verified": "on", "primary": "on"}
        yield "POST", f"{addresses}add/", forged
        yield "POST", f"{addresses}{address}/change/", forged
        yield "POST", f"{addresses}{address}/delete/", {"post": "yes"}
        yield "GET", f"{addresses}{address}/change/", {}
        for action in ("delete_selected", "make_verified"):
            yield "POST", addresses, {"action": action, "_selected_action": str(address), "post": "yes"}
        if factor := keys.get(f"{name}_factor"):
            yield "POST", f"{factors}{factor}/delete/", {"post": "yes"}
            yield "POST", f"{factors}{factor}/change/", {"user": str(keys["member"]), "type": "totp"}
            yield "GET", f"{factors}{factor}/history/", {}
            chosen = {"action": "delete_selected", "_selected_action": str(factor), "post": "yes"}
            yield "POST", factors, chosen
    yield "POST", users, {"action": "end_sessions", "select_across": "1", "_selected_action": "1"}
    yield "POST", f"{users}add/", {**powers, "email": f"new-{keys['serial']}@staff.example"}
    yield "POST", f"{users}{keys['member']}/change/", {**powers, "email": "member@staff.example"}
    for group in (keys["powers"], keys["members"]):
        yield "POST", f"auth/group/{group}/change/", {"name": "mine", "permissions": "1"}
        yield "POST", f"auth/group/{group}/delete/", {"post": "yes"}
        yield "GET", f"auth/group/{group}/change/", {}
    yield "POST", "auth/group/add/", {"name": "mine", "permissions": "1"}
    yield "POST", f"{factors}add/", {"user": str(keys["owner"]), "type": "totp", "data": "{}"}
    for path in (
        *("", users, addresses, factors, "auth/group/", "auth/permission/", "accounts/session/"),
        *(f"{page}?q=owner" for page in (users, addresses, factors)),
        "autocomplete/?app_label=account&model_name=emailaddress&field_name=user&term=owner",
        f"{users}?groups__id__exact={keys['powers']}",
    ):
        yield "GET", path, {}


@pytest.mark.slow
def test_no_permission_allows_privilege_escalation(case: Case) -> None:
    """Each permission alone, and all together: no attack changes or shows a privileged user."""
    known = case.site.python(
        "from django.contrib.auth.models import Permission as P\n"
        "for one in P.objects.select_related('content_type'): print(one.content_type.app_label, one.codename)"
    )
    permissions = [line.replace(" ", ".") for line in known.splitlines()]
    assert "accounts.change_user" in permissions
    faults: list[str] = []
    for serial, granted in enumerate([*([one] for one in permissions), permissions]):
        grant_permissions(case.site, STAFF, *granted)
        what = granted[0] if len(granted) == 1 else "all permissions"
        before = case.state()
        for method, path, fields in attacks({**case.keys, "serial": serial}):
            response = case.send(method, path, fields)
            if response.status >= 500:
                faults.append(f"{what}: {method} {path} {response.status}")
            if MARKER.encode() in response.body:
                faults.append(f"{what}: {method} {path} shows a privileged row")
        if case.state() != before:
            faults.append(f"{what}: {before} became {case.state()}")
    grant_permissions(case.site, STAFF)
    assert faults == []
    assert [mail["To"] for mail in case.site.mails.all if mail["To"] == EVIL] == []


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize(
    "query",
    [
        "password__startswith=argon2", "password=x", "sessions__pk__startswith=a", "sessions__isnull=0",
        "sessions__session_key__startswith=a", "email__regex=(", "email=%00", "last_login__year=99999999999",
        "groups__permissions__id__exact=1", "is_staff__regex=x", "id__in=1,2", "user_permissions=1",
    ],
)  # fmt: skip
def test_the_list_of_users_accepts_only_its_own_filters(site: Site, case: Case, query: str) -> None:
    """Other lookups would disclose session keys and hashes one letter at a time."""
    grant_permissions(site, STAFF, "accounts.view_user", "mfa.view_authenticator")
    for one in (case, case.owner):
        assert one.get("accounts/user/?is_active__exact=1").status == 200
        assert one.get(f"accounts/user/?{query}").status == 400
        assert one.get("mfa/authenticator/?type__exact=totp").status == 200
        assert one.get("mfa/authenticator/?data__contains=a").status == 400


def sessions(site: Site, email: str) -> int:
    """Return the number of sessions of *email*."""
    found = f"Session.objects.filter(user__email={email!r})"
    return int(site.python(f"from api.accounts.models import Session; print({found}.count())"))


@pytest.mark.parametrize(("permission", "left"), [("view", 1), ("add", 1), ("delete", 1), ("change", 0)])
def test_an_action_requires_the_change_permission(site: Site, case: Case, permission: str, left: int) -> None:
    """Other permissions end no session and send no mail."""
    grant_permissions(site, STAFF, f"accounts.{permission}_user")
    email = f"{permission}-acted@example.org"
    site.member(email)
    (key,) = site.python(
        f"from api.accounts.models import User as U; print(U.objects.get(email={email!r}).pk)"
    ).split()
    mails = len([mail for mail in site.mails.all if mail["To"] == email])
    for action in ("end_sessions", "send_invitation"):
        case.send("POST", "accounts/user/", {"action": action, "_selected_action": key})
    assert sessions(site, email) == left
    wait_until(lambda: len([mail for mail in site.mails.all if mail["To"] == email]) == mails + 1 - left)


def test_a_staff_user_manages_members(site: Site, case: Case) -> None:
    """With the permissions: add members, rename them, delete a lost second factor."""
    wanted = (
        "accounts.add_user",
        "accounts.change_user",
        "mfa.delete_authenticator",
        "mfa.view_authenticator",
    )
    grant_permissions(site, STAFF, *wanted)
    form = {"email": "Added-By-Staff@example.org", "name": "Ann", "is_active": "on"}
    assert case.send("POST", "accounts/user/add/", form).status == 302
    site.mails.to("added-by-staff@example.org", "invited")
    output = site.python(
        "from api.accounts.models import User as U; u = U.objects.get(email='added-by-staff@example.org'); "
        "print(u.name, u.is_staff, [g.name for g in u.groups.all()])"
    )
    assert output == "Ann False ['members']\n"
    page = case.get(f"accounts/user/{case.keys['member']}/change/")
    assert (page.status, b'name="is_staff"' in page.body, b'name="groups"' in page.body) == (
        200,
        False,
        False,
    )
    form = {"email": "member@staff.example", "name": "Renamed", "is_active": "on"}
    assert case.send("POST", f"accounts/user/{case.keys['member']}/change/", form).status == 302
    assert b"Renamed" in case.get("accounts/user/").body
    factor = f"mfa/authenticator/{case.keys['member_factor']}/delete/"
    assert case.send("POST", factor, {"post": "yes"}).status == 302
    assert case.get("auth/group/").status == 403


@pytest.mark.parametrize("key", ["x", "%00", "", "1e9", "9" * 40, "\u0661"])
def test_a_selection_without_a_valid_key_gets_400(site: Site, case: Case, key: str) -> None:
    """And not a server error."""
    grant_permissions(site, STAFF, "accounts.change_user", "accounts.delete_user")
    for action in ("end_sessions", "delete_selected"):
        fields = {"action": action, "_selected_action": key, "post": "yes"}
        assert case.send("POST", "accounts/user/", fields).status == 400
