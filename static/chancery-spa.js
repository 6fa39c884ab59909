// Chancery in a browser dashboard. Copy this file; it needs nothing else. docs/BROWSER.md says what to register.
//
//   import { dashboard } from "./chancery-spa.js";
//   const auth = dashboard({ issuer: "https://id.example.com", clientId: "…", redirectUri: location.origin + "/" });
//   const user = await auth.start();     // claims of whoever is signed in, or null: then offer a button for auth.signIn()
//   await fetch(api, { headers: { authorization: `Bearer ${await auth.token()}` } });
//
// The access token lives in this closure and nowhere else; the refresh token in a cookie of the issuer's that no script reads.
// A sign-in under way keeps its PKCE verifier in this tab's sessionStorage, until the browser is back. After a reload `start`
// refreshes by the cookie. Tabs take turns (Web Locks); where there are none, the issuer forgives two at once.

const KEPT = "chancery.sign-in";
const random = () => encode(crypto.getRandomValues(new Uint8Array(32)));
const encode = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A refusal of the issuer's, with its `error` code; `signed_out` and `other_user` are said here. */
export class Refused extends Error {
  constructor({ error, error_description }) {
    super(error_description || error || "an answer that is of no use");
    this.error = error;
  }
}

/**
 * issuer, clientId, redirectUri: as registered. scope: with `openid`. resource: of the API, when the client has several.
 * changed(claims): called when somebody else is signed in now, or (null) nobody.
 */
export function dashboard({ issuer, clientId, redirectUri, scope = "openid profile email", resource, changed = () => {} }) {
  let held = null; // { access, until, id, claims }
  let flying = null; // the refresh under way in this tab
  let known = null; // the issuer's metadata

  function discover() {
    known ??= (async () => {
      const found = await (await ask(`${issuer}/.well-known/openid-configuration`, {}, 5)).json();
      if (found.issuer !== issuer) throw new Refused({ error: "another issuer answered" });
      return found;
    })();
    known.catch(() => (known = null)); // asked again next time
    return known;
  }

  // With the issuer's cookies.
  const post = (endpoint, form, tries) => {
    const body = new URLSearchParams({ client_id: clientId, ...form });
    return ask(endpoint, { method: "POST", body, credentials: "include", cache: "no-store" }, tries);
  };

  // What is lost, or too much for the issuer just now, is asked for again: `tries` times in all, at growing distances.
  async function ask(url, request, tries) {
    for (let attempt = 1; ; attempt++) {
      let after = Math.random() * 250 * 2 ** attempt;
      try {
        const answer = await fetch(url, { ...request, signal: AbortSignal.timeout(15_000) });
        if (attempt >= tries || (answer.status < 500 && answer.status !== 429)) return answer;
        after += 1000 * Math.min(Number(answer.headers.get("retry-after")) || 0, 30);
      } catch (lost) {
        if (attempt >= tries) throw lost;
      }
      await pause(after);
    }
  }

  // Keeps what a good answer holds. It came from the issuer itself by TLS, which vouches for the ID token (OpenID Connect Core 3.1.3.7).
  async function keep(answer, nonce) {
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok || !told.id_token) throw new Refused(told);
    const payload = told.id_token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
    if (claims.iss !== issuer || claims.aud !== clientId || (nonce && claims.nonce !== nonce))
      throw new Refused({ error: "the ID token is not for this sign-in" });
    const before = held?.claims.sub;
    const life = 1000 * told.expires_in;
    held = { access: told.access_token, until: Date.now() + life - Math.min(life / 4, 30_000), id: told.id_token, claims };
    if (before && before !== claims.sub) {
      changed(claims);
      throw new Refused({ error: "other_user", error_description: "somebody else has signed in in this browser" });
    }
  }

  // One at a time, over all tabs. False: nobody is signed in.
  function refresh() {
    const alone = (work) => (navigator.locks ? navigator.locks.request(`chancery ${clientId}`, work) : work());
    flying ??= alone(async () => {
      const { token_endpoint } = await discover();
      const was = held;
      for (const last of [!was, true]) {
        const answer = await post(token_endpoint, { grant_type: "refresh_token", ...(resource && { resource }) }, 5);
        try {
          await keep(answer);
          return true;
        } catch (refused) {
          if (refused.error !== "invalid_grant") throw refused;
          if (last) break; // the first may have crossed a sign-in of another tab, which changes both cookies
        }
      }
      held = null;
      if (was) changed(null);
      return false;
    }).finally(() => (flying = null));
    return flying;
  }

  // Back from the issuer. A code is tried once: if its answer is lost, sign in again, which asks nothing of the user.
  async function finish(back, kept) {
    if (back.has("error")) throw new Refused(Object.fromEntries(back));
    const { token_endpoint } = await discover();
    const form = { grant_type: "authorization_code", code: back.get("code"), redirect_uri: redirectUri, code_verifier: kept.verifier };
    await keep(await post(token_endpoint, form, 1), kept.nonce);
  }

  return Object.freeze({
    /** First of all on each page: ends a sign-in that is under way, else refreshes. Claims of the user, or null. */
    async start() {
      const back = new URLSearchParams(location.search);
      const kept = JSON.parse(sessionStorage.getItem(KEPT));
      sessionStorage.removeItem(KEPT);
      if (back.get("iss") === issuer) {
        const asked = kept?.state === back.get("state");
        history.replaceState(null, "", asked ? kept.to : location.origin + location.pathname);
        if (asked) await finish(back, kept); // an answer that this tab didn't ask for is nobody's
      }
      if (!held) await refresh();
      return held && { ...held.claims };
    },

    /** Goes to the issuer. `more`: further parameters, such as { prompt: "login" }. */
    async signIn(more = {}) {
      const { authorization_endpoint } = await discover();
      const [state, nonce, verifier] = [random(), random(), random()];
      const challenge = encode(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
      sessionStorage.setItem(KEPT, JSON.stringify({ state, nonce, verifier, to: location.href }));
      const asked = { response_type: "code", client_id: clientId, redirect_uri: redirectUri, scope, state, nonce };
      const pkce = { code_challenge: challenge, code_challenge_method: "S256", ...(resource && { resource }), ...more };
      location.assign(`${authorization_endpoint}?${new URLSearchParams({ ...asked, ...pkce })}`);
    },

    /** An access token that lasts for a moment at least; refreshes when it has to. Refused `signed_out`: offer a sign-in. */
    async token() {
      if (!held || Date.now() >= held.until) {
        if (!(await refresh())) throw new Refused({ error: "signed_out" });
      }
      return held.access;
    },

    /** A new access token now, as after a 401 of the API. */
    refresh,

    /** Ends the refresh token and the issuer's session, and goes to `to`, one of the registered addresses. */
    async signOut(to) {
      const { revocation_endpoint, end_session_endpoint } = await discover();
      const hint = held?.id;
      held = null;
      await post(revocation_endpoint, {}, 1).catch(() => {}); // the session takes it along in any case
      const asked = { client_id: clientId, ...(hint && { id_token_hint: hint }), ...(to && { post_logout_redirect_uri: to }) };
      location.assign(`${end_session_endpoint}?${new URLSearchParams(asked)}`);
    },
  });
}
