// oauth4webapi, which checks every answer by the letter: metadata, issuer, nonce, at_hash, signatures, types, challenges.
import * as oauth from 'oauth4webapi'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import express from 'express'
import { done, fails, heard, listen, newKey, tell, visit } from './talk.mjs'

const settings = await heard()
const { issuer, client_secret, method, redirect_uri, scope, resource } = settings

// With a key of its own: its public half is fetched from here.
const key = await newKey('one')
if (method === 'private_key_jwt') {
  const app = express().get('/keys', (req, res) => res.json({ keys: [key.shows] }))
  tell({ keys: { jwks_uri: `${await listen(app)}/keys` } })
}
const client_id = settings.client_id ?? (await heard()).client_id

const options = { [oauth.allowInsecureRequests]: true }
const authentication = {
  client_secret_basic: () => oauth.ClientSecretBasic(client_secret),
  client_secret_post: () => oauth.ClientSecretPost(client_secret),
  none: () => oauth.None(),
  private_key_jwt: () => oauth.PrivateKeyJwt(key.signs),
}[method]()
const isPublic = method === 'none'
const client = { client_id }

// Both discovery documents, held against the issuer's name.
const found = async (algorithm) => {
  const response = await oauth.discoveryRequest(new URL(issuer), { ...options, algorithm })
  return oauth.processDiscoveryResponse(new URL(issuer), response)
}
const server = await found('oidc')
assert.deepEqual(await found('oauth2'), server)
assert.equal(server.authorization_response_iss_parameter_supported, true)
assert.ok(server.code_challenge_methods_supported.includes('S256'))
assert.ok(server.token_endpoint_auth_methods_supported.includes(method))

const verifier = oauth.generateRandomCodeVerifier()
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
const url = new URL(server.authorization_endpoint)
url.search = new URLSearchParams({
  response_type: 'code',
  client_id,
  redirect_uri,
  scope,
  state,
  nonce,
  max_age: '3600',
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  ...(resource && { resource }),
})
const back = await visit(url)

const without = new URL(back)
without.searchParams.delete('iss')
assert.throws(() => oauth.validateAuthResponse(server, client, without, state), /iss/)
const other = new URL(back)
other.searchParams.set('iss', `${issuer}/`)
assert.throws(() => oauth.validateAuthResponse(server, client, other, state), /iss/)

const answer = oauth.validateAuthResponse(server, client, back, state)
const response = await oauth.authorizationCodeGrantRequest(
  server, client, authentication, answer, redirect_uri, verifier, options,
)
const first = await oauth.processAuthorizationCodeResponse(server, client, response, {
  expectedNonce: nonce,
  maxAge: 3600,
  requireIdToken: true,
})
await oauth.validateApplicationLevelSignature(server, response, options)
const claims = oauth.getValidatedIdTokenClaims(first)
const halved = (token) => createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url')
assert.equal(claims.at_hash, halved(first.access_token))
assert.equal(claims.azp, client_id)

const userinfo = async (token) => {
  const response = await oauth.userInfoRequest(server, client, token, options)
  return oauth.processUserInfoResponse(server, client, claims.sub, response)
}
const info = await userinfo(first.access_token)

// The access token as a gateway takes it (RFC 9068).
const call = new Request('https://gateway.test/', { headers: { authorization: `Bearer ${first.access_token}` } })
const access = await oauth.validateJwtAccessToken(server, call, resource ?? issuer, options)
assert.deepEqual([access.sub, access.client_id], [claims.sub, client_id])

const refresh = async (token, more = {}) => {
  const response = await oauth.refreshTokenGrantRequest(
    server, client, authentication, token, { ...options, additionalParameters: more },
  )
  return oauth.processRefreshTokenResponse(server, client, response)
}
const second = await refresh(first.refresh_token)
assert.notEqual(second.refresh_token, first.refresh_token)
assert.equal(oauth.getValidatedIdTokenClaims(second).sub, claims.sub)
const narrow = await refresh(second.refresh_token, { scope: 'openid' })
assert.equal(narrow.scope, 'openid')
assert.deepEqual(await userinfo(narrow.access_token), { sub: claims.sub })
const wider = await fails(refresh(narrow.refresh_token, { scope: `${scope} never_asked` }))
assert.equal(wider.error, 'invalid_scope')

const introspect = async (token) => {
  const response = await oauth.introspectionRequest(server, client, authentication, token, options)
  return oauth.processIntrospectionResponse(server, client, response)
}
if (!isPublic) {
  const told = await introspect(narrow.access_token)
  assert.deepEqual([told.active, told.sub, told.client_id, told.scope], [true, claims.sub, client_id, 'openid'])
  assert.equal((await introspect(narrow.refresh_token)).active, true)
}

// Revoking an access token ends that one alone; revoking the refresh token ends the family.
const revoke = async (token) => {
  oauth.processRevocationResponse(await oauth.revocationRequest(server, client, authentication, token, options))
}
await revoke(narrow.access_token)
const challenged = await fails(userinfo(narrow.access_token))
assert.equal(challenged.cause[0].parameters.error, 'invalid_token')
assert.equal((await userinfo(second.access_token)).sub, claims.sub)
await revoke(narrow.refresh_token)
if (!isPublic) assert.deepEqual(await introspect(second.access_token), { active: false })
assert.equal((await fails(refresh(narrow.refresh_token))).error, 'invalid_grant')

done({ sub: claims.sub, info, scope: first.scope ?? scope, expires_in: first.expires_in, method })
