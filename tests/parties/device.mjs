// openid-client and oauth4webapi as devices without a browser (RFC 8628): a public one and a confidential one.
import * as oidc from 'openid-client'
import * as oauth from 'oauth4webapi'
import assert from 'node:assert/strict'
import { done, fails, heard, tell } from './talk.mjs'

const settings = await heard()
const { issuer, scope } = settings

// The television polls as its library does.
const television = await oidc.discovery(new URL(issuer), settings.public.client_id, undefined, oidc.None(), {
  execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
})
const first = await oidc.initiateDeviceAuthorization(television, { scope })

// The kiosk does each step by itself.
const options = { [oauth.allowInsecureRequests]: true }
const found = await oauth.discoveryRequest(new URL(issuer), options)
const server = await oauth.processDiscoveryResponse(new URL(issuer), found)
assert.ok(server.grant_types_supported.includes('urn:ietf:params:oauth:grant-type:device_code'))
const client = { client_id: settings.confidential.client_id }
const authentication = oauth.ClientSecretBasic(settings.confidential.client_secret)
const asked = await oauth.deviceAuthorizationRequest(server, client, authentication, { scope }, options)
const second = await oauth.processDeviceAuthorizationResponse(server, client, asked)
const poll = async () => {
  const response = await oauth.deviceCodeGrantRequest(server, client, authentication, second.device_code, options)
  const tokens = await oauth.processDeviceCodeResponse(server, client, response)
  await oauth.validateApplicationLevelSignature(server, response, options)
  return tokens
}
assert.equal((await fails(poll())).error, 'authorization_pending')
const waited = new Promise((over) => { setTimeout(over, second.interval * 1000 + 100) })

// Someone has to enter both codes before these polls are answered.
const polled = oidc.pollDeviceAuthorizationGrant(television, first, undefined, { signal: AbortSignal.timeout(50_000) })
tell({ shows: [first, second] })

const television_has = await polled
const { sub } = television_has.claims()
const television_info = await oidc.fetchUserInfo(television, television_has.access_token, sub)
const next = await oidc.refreshTokenGrant(television, television_has.refresh_token)
assert.equal(next.claims().sub, sub)

await waited
const kiosk_has = await poll()
const claims = oauth.getValidatedIdTokenClaims(kiosk_has)
const response = await oauth.userInfoRequest(server, client, kiosk_has.access_token, options)
const kiosk_info = await oauth.processUserInfoResponse(server, client, claims.sub, response)
// A code is for once.
assert.equal((await fails(poll())).error, 'invalid_grant')

done([{ sub, info: television_info }, { sub: claims.sub, info: kiosk_info }])
