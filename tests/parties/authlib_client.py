"""Authlib as a plain client over requests: code flow with PKCE, userinfo, introspection, refresh, revocation."""

import secrets

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from talk import heard, tell, visit

told = heard()
issuer, client_id = told["issuer"], told["client_id"]
server = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=20).json()
assert server["issuer"] == issuer
keys = KeySet.import_key_set(requests.get(server["jwks_uri"], timeout=20).json())

session = OAuth2Session(
    client_id,
    told.get("client_secret"),
    token_endpoint_auth_method=told["method"],
    revocation_endpoint_auth_method=told["method"],
    scope=told["scope"],
    redirect_uri=told["redirect_uri"],
    code_challenge_method="S256",
    token_endpoint=server["token_endpoint"],
    default_timeout=20,
)
is_public = told["method"] == "none"
verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
back = visit(url)


def identified(token):
    """The claims of its ID token, verified as Authlib's own clients do."""
    read = jwt.decode(token["id_token"], keys, algorithms=server["id_token_signing_alg_values_supported"])
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    params = {"client_id": client_id, "access_token": token["access_token"]}
    claims = CodeIDToken(read.claims, read.header, options, params)
    claims.validate(leeway=0)
    return claims


first = session.fetch_token(server["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)
claims = identified(first)
assert claims["nonce"] == nonce
info = session.get(server["userinfo_endpoint"]).json()
assert info["sub"] == claims["sub"]


def introspected(token):
    answer = session.introspect_token(server["introspection_endpoint"], token=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


old = dict(first)
second = session.refresh_token(server["token_endpoint"])
assert second["refresh_token"] != old["refresh_token"]
assert identified(second)["sub"] == claims["sub"]
again = session.refresh_token(server["token_endpoint"], refresh_token=old["refresh_token"])
assert again["refresh_token"] == second["refresh_token"]

if not is_public:
    access = introspected(second["access_token"])
    assert access["active"] and access["sub"] == claims["sub"] and access["client_id"] == client_id, access
    assert introspected(second["refresh_token"])["active"]

answer = session.revoke_token(
    server["revocation_endpoint"], token=second["refresh_token"], token_type_hint="refresh_token"
)
assert answer.status_code == 200, answer.text
try:
    session.refresh_token(server["token_endpoint"], refresh_token=second["refresh_token"])
    raise AssertionError("a revoked token was refreshed")
except OAuthError as refused:
    assert refused.error == "invalid_grant", refused
refused = requests.get(
    server["userinfo_endpoint"], headers={"authorization": f"Bearer {second['access_token']}"}, timeout=20
)
assert refused.status_code == 401, refused.text
if not is_public:
    assert introspected(second["access_token"]) == {"active": False}

tell({"done": {"sub": claims["sub"], "info": info, "method": told["method"]}})
