// A dashboard in the browser, with oidc-client-ts as its documentation has it: code flow with PKCE, renewal by refresh token,
// the user in a storage that all tabs share. With ?renew=SECONDS it renews by itself so long before a token's end.
const renew = Number(new URLSearchParams(location.search).get('renew'))

async function open() {
  const manager = new oidc.UserManager({
    ...(await (await fetch('/settings.json')).json()),
    redirect_uri: `${location.origin}/callback`,
    post_logout_redirect_uri: `${location.origin}/`,
    userStore: new oidc.WebStorageStateStore({ store: localStorage }),
    loadUserInfo: location.pathname === '/callback',
    automaticSilentRenew: renew > 0,
    accessTokenExpiringNotificationTimeInSeconds: renew || 60,
  })
  window.renewed = 0
  window.failed = []
  manager.events.addUserLoaded(() => { window.renewed += 1 })
  manager.events.addUserSignedOut(() => window.failed.push('signed out'))
  manager.events.addAccessTokenExpired(() => window.failed.push('the access token expired'))
  manager.events.addSilentRenewError((error) => window.failed.push(String(error)))
  if (location.pathname === '/callback') {
    await manager.signinRedirectCallback()
    history.replaceState(null, '', '/')
  }
  const user = await manager.getUser()
  window.manager = manager
  document.getElementById('sign-in').onclick = () => manager.signinRedirect()
  document.getElementById('sign-out').onclick = () => manager.signoutRedirect()
  document.getElementById(user ? 'sign-out' : 'sign-in').hidden = false
  document.getElementById('who').textContent = user ? user.profile.name ?? user.profile.sub : 'nobody'
  document.body.id = 'there'
}

// What the other tab says; it may begin before this one does.
const channel = new BroadcastChannel('rounds')
const heard = new Map()
let waiting
channel.onmessage = ({ data }) => {
  heard.set(data.round, data)
  waiting?.()
}

// So many rounds in step with the other tab: in each, both refresh at once. What came of it is in window.told.
async function rounds(count) {
  // Both are at this round; gives what the other has to say.
  const meet = async (mine) => {
    channel.postMessage(mine)
    while (!heard.has(mine.round)) await new Promise((resolve) => { waiting = resolve })
    const theirs = heard.get(mine.round)
    heard.delete(mine.round)
    return theirs
  }
  const told = { rounds: 0, together: 0, times: [] }
  let last
  try {
    for (let round = 0; round <= count; round += 1) {
      const theirs = await meet({ round, last })
      if (theirs.failed) throw new Error(`the other tab: ${theirs.failed}`)
      if (last && theirs.last.before === last.before) {
        told.together += 1
        if (theirs.last.after !== last.after) throw new Error(`round ${round}: two successors of one token`)
      }
      if (round === count) break
      const before = (await manager.getUser()).refresh_token
      const since = performance.now()
      const user = await manager.signinSilent()
      told.times.push(performance.now() - since)
      if (user.refresh_token === before) throw new Error(`round ${round}: the token has not rotated`)
      last = { before, after: user.refresh_token }
      told.rounds += 1
    }
  } catch (error) {
    told.error = String(error)
    for (let round = told.rounds; round <= told.rounds + 1; round += 1) channel.postMessage({ round, failed: told.error })
  }
  window.told = told
}

open().catch((error) => {
  document.getElementById('who').textContent = String(error)
  document.body.id = 'there'
})
