// How a party talks with the test that started it: JSON, a line each way. It hears its settings first; when the test is
// gone, so is the party.
import { createInterface } from 'node:readline'
import assert from 'node:assert/strict'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** What the test says next. */
export async function heard() {
  const { value, done } = await lines.next()
  if (done) process.exit(1)
  return JSON.parse(value)
}

export function tell(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

/** Has the test send a browser there, and gives the address it was sent back to. */
export async function visit(url) {
  tell({ visit: String(url) })
  return new URL((await heard()).back)
}

/** The error that this must end in. */
export async function fails(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  assert.fail('it should have failed, and did not')
}

/** The last word of a party that ran through. */
export function done(what) {
  tell({ done: what })
  process.exit(0)
}

/** A key of the client's own: what it signs with, and the public half. */
export async function newKey(kid) {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const jwk = await crypto.subtle.exportKey('jwk', publicKey)
  return { signs: { key: privateKey, kid }, shows: { ...jwk, kid, alg: 'ES256', use: 'sig' } }
}

/** Serves `app` on a free port of loopback until the test is gone. */
export async function listen(app) {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((listening, failed) => server.once('listening', listening).once('error', failed))
  return `http://127.0.0.1:${server.address().port}`
}

/** The same, and tells where. */
export async function serve(app) {
  const at = await listen(app)
  tell({ at })
  return at
}

/** Lives until the test closes its end. */
export async function stay() {
  for (;;) await heard()
}
