//! From the sign-in to revoked and refused, to reuse found, to signed out; and the turns people take on the way.

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_goes_through_the_demo() {
    let mut scene = Scene::open().await;
    signs_in(&mut scene).await;
    refreshes_and_calls(&mut scene).await;
    revokes(&mut scene).await;
    is_robbed(&mut scene).await;
    signs_out(&mut scene).await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_takes_other_turns() {
    let mut scene = Scene::open().await;
    cancels(&mut scene).await;
    denies(&mut scene).await;
    goes_back(&mut scene).await;
    refreshes_in_two_tabs(&mut scene).await;
    is_stopped_from_a_terminal(&mut scene).await;
    scene.close().await;
}

async fn signs_in(scene: &mut Scene) {
    scene.browser.go(&scene.at.dashboard).await;
    scene.picture("dashboard-signed-out").await;
    scene.to_sign_in().await;
    scene.picture("sign-in").await;
    scene.sign_in_with("not the password").await;
    let error = scene.browser.text("error").await;
    assert!(error.contains("password"), "{error}");
    assert!(!error.contains(scene.username), "{error}");
    scene.picture("sign-in-wrong").await;
    let password = scene.password.clone();
    scene.sign_in_with(&password).await;
    assert!(scene.browser.has("consent-allow").await, "{}", scene.browser.body().await);
    let consent = scene.browser.body().await;
    assert!(consent.contains("Harbour Dashboard") && consent.contains("See shipments"), "{consent}");
    scene.picture("consent").await;
    // The page with the error had an error status, which Chromium notes.
    scene.quiet(&["status of 400"]).await;
    scene.browser.press("consent-allow").await;
    assert_eq!(scene.browser.url().await, format!("{}/", scene.at.dashboard));
    assert_eq!(scene.browser.text("who").await, "Ada Marlow");
    let claims = scene.browser.body().await;
    for claim in
        ["ada@example.com", "at+jwt", "family_id", "rev_seq", "shipments:read", "harbour", &scene.at.resource()]
    {
        assert!(claims.contains(claim), "{claim}: {claims}");
    }
    scene.picture("dashboard").await;
    scene.quiet(&[]).await;
}

async fn refreshes_and_calls(scene: &mut Scene) {
    let told = scene.result("refresh").await;
    assert!(told.contains("200 OK") && told.contains("the next generation"), "{told}");
    scene.picture("refreshed").await;
    let told = scene.result("repeat").await;
    assert!(told.contains("An honest retry"), "{told}");
    for button in ["call-offline", "call-introspect"] {
        let told = scene.result(button).await;
        assert!(told.contains("200 OK") && told.contains("S-1041"), "{told}");
        scene.picture(button).await;
    }
    scene.quiet(&[]).await;
}

async fn revokes(scene: &mut Scene) {
    let told = scene.result("revoke").await;
    assert!(told.contains("Revoked."), "{told}");
    for button in ["call-offline", "call-introspect"] {
        scene.within_a_second(button, "401 Unauthorized").await;
    }
    scene.picture("refused").await;
    let told = scene.result("refresh").await;
    assert!(told.contains("invalid_grant"), "{told}");
    scene.picture("revoked").await;
    scene.browser.go(&scene.at.gateway).await;
    let gateway = scene.browser.body().await;
    assert!(gateway.contains("family"), "{gateway}");
    scene.picture("gateway").await;
    scene.quiet(&[]).await;
}

async fn is_robbed(scene: &mut Scene) {
    scene.browser.go(&scene.at.dashboard).await;
    // The session lives and the consent is remembered: no page of the issuer is shown in between.
    scene.browser.press("sign-in").await;
    assert_eq!(scene.browser.text("who").await, "Ada Marlow");
    assert!(!scene.browser.has("ended").await);
    for _ in 0..2 {
        let told = scene.result("refresh").await;
        assert!(told.contains("the next generation"), "{told}");
    }
    let told = scene.result("replay").await;
    assert!(told.contains("Reuse found: the family has ended"), "{told}");
    assert_eq!(told.matches("invalid_grant").count(), 2, "the replayed and the newest are refused: {told}");
    scene.picture("replayed").await;
    for button in ["call-offline", "call-introspect"] {
        scene.within_a_second(button, "401 Unauthorized").await;
    }
    scene.quiet(&[]).await;
}

async fn signs_out(scene: &mut Scene) {
    scene.browser.press("sign-in").await;
    scene.browser.press("sign-out").await;
    assert!(scene.browser.body().await.contains("Signed out"), "{}", scene.browser.body().await);
    assert!(scene.browser.text("result").await.contains("signed out here and at"));
    scene.picture("signed-out").await;
    // What the browser kept of the page behind shows nobody, and the sign-in asks for the password again.
    scene.browser.back().await;
    scene.browser.go(&scene.at.dashboard).await;
    assert!(!scene.browser.has("who").await);
    scene.browser.press("sign-in").await;
    assert!(scene.browser.has("password").await);
    // The issuer's own page, without a client.
    scene.browser.go(&format!("{}/oauth2/logout", scene.at.issuer)).await;
    assert!(scene.browser.body().await.contains("Signed out"), "{}", scene.browser.body().await);
    scene.picture("issuer-signed-out").await;
    scene.quiet(&[]).await;
}

async fn cancels(scene: &mut Scene) {
    scene.to_sign_in().await;
    scene.browser.press("login-cancel").await;
    assert!(scene.browser.url().await.starts_with(&scene.at.dashboard));
    let error = scene.browser.text("error").await;
    assert!(error.contains("access_denied"), "{error}");
    scene.picture("cancelled").await;
    scene.quiet(&["status of 400"]).await;
}

async fn denies(scene: &mut Scene) {
    let password = scene.password.clone();
    scene.to_sign_in().await;
    scene.sign_in_with(&password).await;
    scene.browser.press("consent-deny").await;
    let error = scene.browser.text("error").await;
    assert!(error.contains("access_denied"), "{error}");
    scene.quiet(&["status of 400"]).await;
}

/// The session lives now: consent is asked at once. Back to a page that was answered does no harm and says what is the case.
async fn goes_back(scene: &mut Scene) {
    scene.browser.go(&scene.at.dashboard).await;
    scene.browser.press("sign-in").await;
    scene.browser.press("consent-allow").await;
    assert_eq!(scene.browser.text("who").await, "Ada Marlow");
    scene.browser.back().await;
    assert!(scene.browser.url().await.starts_with(&scene.at.issuer));
    assert!(scene.browser.text("error").await.contains("you may be signed in already"));
    scene.picture("back").await;
    scene.quiet(&["status of 409"]).await;
    scene.browser.press("back").await;
    assert_eq!(scene.browser.text("who").await, "Ada Marlow");
}

async fn refreshes_in_two_tabs(scene: &mut Scene) {
    let tabs = scene.browser.new_tab().await;
    for tab in &tabs {
        scene.browser.switch(tab).await;
        scene.browser.go(&scene.at.dashboard).await;
        scene.browser.mark().await;
        // Both go off while nobody holds them up.
        scene.browser.script("setTimeout(() => document.getElementById('refresh').click(), 700)").await;
    }
    for tab in &tabs {
        scene.browser.switch(tab).await;
        scene.browser.arrived("refresh").await;
        let told = scene.browser.text("result").await;
        assert!(told.contains("Refreshed."), "{told}");
        assert!(!scene.browser.has("ended").await);
    }
    scene.browser.close_tab().await;
    scene.browser.switch(&tabs[0]).await;
    let told = scene.result("call-offline").await;
    assert!(told.contains("200 OK"), "{told}");
    scene.quiet(&[]).await;
}

/// The commands the demo's start suggests, typed while a person is signed in.
async fn is_stopped_from_a_terminal(scene: &mut Scene) {
    let tree = scene.terminal(&["lineage", "show", scene.username]);
    assert!(tree.contains("Harbour Dashboard") && tree.contains("live"), "{tree}");
    println!("{tree}");
    scene.terminal(&["revoke", "user", scene.username, "--reason", "laptop stolen"]);
    scene.is_told().await;
    scene.picture("dashboard-told").await;
    let audit = scene.terminal(&["audit", "list"]);
    assert!(audit.contains("revo"), "{audit}");
    println!("{audit}");
    // The session ended with the rest: the way back leads by the password.
    scene.browser.press("sign-in").await;
    assert!(scene.browser.has("password").await, "{}", scene.browser.body().await);
    scene.quiet(&[]).await;
}
