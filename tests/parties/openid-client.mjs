// openid-client 6 as a backend: discovery, code flow with PKCE, userinfo, introspection, refresh, revocation.
import * as oidc from 'openid-client'
import assert from 'node:assert/strict'
import { done, fails, heard, newKey, tell, visit } from './talk.mjs'

const settings = await heard()
const { issuer, client_secret, method, redirect_uri, scope } = settings

// With a key of its own: its public half is registered.
const key = await newKey('one')
if (method === 'private_key_jwt') tell({ keys: { jwks: { keys: [key.shows] } } })
const client_id = settings.client_id ?? (await heard()).client_id

const authentication = {
  client_secret_basic: () => oidc.ClientSecretBasic(client_secret),
  client_secret_post: () => oidc.ClientSecretPost(client_secret),
  none: () => oidc.None(),
  private_key_jwt: () => oidc.PrivateKeyJwt(key.signs),
}[method]()
const isPublic = method === 'none'
const config = await oidc.discovery(new URL(issuer), client_id, undefined, authentication, {
  execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
})

// From the sign-in to the first tokens.
const verifier = oidc.randomPKCECodeVerifier()
const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()]
const back = await visit(oidc.buildAuthorizationUrl(config, {
  redirect_uri,
  scope,
  state: expectedState,
  nonce: expectedNonce,
  max_age: '3600',
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
}))
const checks = { pkceCodeVerifier: verifier, expectedState, expectedNonce, maxAge: 3600, idTokenExpected: true }

// The library holds Chancery to what its metadata promises: an answer says who gives it.
const anonymous = new URL(back)
anonymous.searchParams.delete('iss')
assert.match((await fails(oidc.authorizationCodeGrant(config, anonymous, checks))).cause.message, /iss/)

const first = await oidc.authorizationCodeGrant(config, back, checks)
const { sub } = first.claims()
const info = await oidc.fetchUserInfo(config, first.access_token, sub)

const second = await oidc.refreshTokenGrant(config, first.refresh_token)
assert.notEqual(second.access_token, first.access_token)
assert.notEqual(second.refresh_token, first.refresh_token)
assert.equal(second.claims().sub, sub)
assert.equal(second.claims().auth_time, first.claims().auth_time)
// A lost answer: the same token again gives the same successor.
const again = await oidc.refreshTokenGrant(config, first.refresh_token)
assert.equal(again.refresh_token, second.refresh_token)

const held = [second.access_token, second.refresh_token]
if (!isPublic) {
  for (const token of held) {
    const told = await oidc.tokenIntrospection(config, token)
    assert.deepEqual([told.active, told.sub, told.client_id, told.iss], [true, sub, client_id, issuer])
  }
  assert.deepEqual(await oidc.tokenIntrospection(config, 'no token at all'), { active: false })
}

// Revocation of the refresh token ends all that came of the sign-in.
await oidc.tokenRevocation(config, second.refresh_token)
assert.equal((await fails(oidc.refreshTokenGrant(config, second.refresh_token))).error, 'invalid_grant')
if (!isPublic) {
  for (const token of held) assert.deepEqual(await oidc.tokenIntrospection(config, token), { active: false })
}
const refused = await fails(oidc.fetchUserInfo(config, second.access_token, sub))
assert.equal(refused.status, 401)
assert.equal(refused.cause[0].parameters.error, 'invalid_token')

done({ sub, info, scope: first.scope ?? scope, expires_in: first.expires_in, method })
