// An application with passport-openidconnect: no PKCE, client_secret_post, the profile from userinfo.
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import OpenIDConnectStrategy from 'passport-openidconnect'
import { heard, serve, stay } from './talk.mjs'

const { issuer, client_id, client_secret } = await heard()

const app = express()
const at = await serve(app)
const verify = (iss, profile, context, idToken, accessToken, refreshToken, told) =>
  told(null, { iss, profile, context, refreshed: Boolean(refreshToken) })
passport.use(new OpenIDConnectStrategy({
  issuer,
  authorizationURL: `${issuer}/oauth2/authorize`,
  tokenURL: `${issuer}/oauth2/token`,
  userInfoURL: `${issuer}/oauth2/userinfo`,
  clientID: client_id,
  clientSecret: client_secret,
  callbackURL: `${at}/oauth2/redirect/chancery`,
  scope: ['profile', 'email'],
  nonce: true,
  maxAge: 3600,
  skipUserProfile: false,
}, verify))
passport.serializeUser((user, kept) => kept(null, user))
passport.deserializeUser((user, found) => found(null, user))

app.use(session({ secret: 'only in tests', resave: false, saveUninitialized: false, name: 'office.sid' }))
app.use(passport.session())
app.get('/login', passport.authenticate('openidconnect'))
app.get('/oauth2/redirect/chancery', passport.authenticate('openidconnect', { failWithError: true }), (req, res) => {
  res.redirect('/profile')
})
app.get('/profile', (req, res) => (req.isAuthenticated() ? res.json(req.user) : res.redirect('/login')))
app.use((error, req, res, next) => res.status(error.status ?? 500).json({ failed: String(error), code: error.code }))
await stay()
