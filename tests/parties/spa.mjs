// Serves the dashboard of spa.html with the browser build of oidc-client-ts as it was published.
import express from 'express'
import { fileURLToPath } from 'node:url'
import { heard, serve, stay } from './talk.mjs'

await heard()
const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const app = express()
let settings
app.get('/settings.json', (req, res) => res.json(settings))
app.use('/lib', express.static(here('node_modules/oidc-client-ts/dist/browser')))
app.get('/spa.js', (req, res) => res.sendFile(here('spa.js')))
app.get('/favicon.ico', (req, res) => res.status(204).end())
app.get(['/', '/callback'], (req, res) => res.sendFile(here('spa.html')))
await serve(app)
// The client is registered with this origin, so it comes after it.
settings = await heard()
await stay()
