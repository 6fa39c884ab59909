//! The pages of devices: what tells one's own device from somebody else's.

use std::collections::BTreeMap;

use super::english;

#[test]
fn a_device_is_told_from_another() {
    let (_, usual) = english("device_consent/usual").remove(0);
    for text in [
        "Harbour TV",
        "WDJB-MJHT",
        "Chrome on Tizen",
        "203.0.113.7",
        "42 seconds ago",
        "only if you have just started this yourself",
        "Alice Marsh",
        "Stay connected when you are away",
    ] {
        assert!(usual.contains(text), "{text}");
    }
    let (_, bare) = english("device_consent/bare").remove(0);
    assert_eq!(bare.matches("Not known").count(), 2);
    let pages: BTreeMap<_, _> = english("device_").into_iter().collect();
    assert!(
        pages["device_code/given"].contains("value=\"WDJB-MJHT\"") && pages["device_code/given"].contains("Compare")
    );
    assert!(pages["device_code/throttled"].contains("Try again in 8 minutes."));
    assert!(pages["device_told/allowed"].contains("<h1>Signed in</h1>"));
    assert!(pages["device_told/denied"].contains("<h1>Denied</h1>"));
}
