// An application with express-openid-connect: its logout is the issuer's, too, and it is told of logouts elsewhere.
import express from 'express'
import eoc from 'express-openid-connect'
import session from 'express-session'
import { heard, serve, stay } from './talk.mjs'

const { issuer, client_id, client_secret } = await heard()

const app = express()
const at = await serve(app)
app.use(eoc.auth({
  issuerBaseURL: issuer,
  baseURL: at,
  clientID: client_id,
  clientSecret: client_secret,
  secret: 'a secret of the tests, long enough',
  idpLogout: true,
  backchannelLogout: { store: new session.MemoryStore() },
  authRequired: false,
  authorizationParams: { response_type: 'code', scope: 'openid profile email groups offline_access' },
}))
app.get('/', (req, res) => res.json({ signed_in: req.oidc.isAuthenticated() }))
app.get('/profile', eoc.requiresAuth(), async (req, res) => {
  const before = req.oidc.accessToken
  const after = await before.refresh()
  res.json({
    claims: req.oidc.idTokenClaims,
    info: await req.oidc.fetchUserInfo(),
    refreshed: after.access_token !== before.access_token,
  })
})
app.use((error, req, res, next) => res.status(error.status ?? 500).json({ failed: String(error), cause: String(error.cause) }))
await stay()
