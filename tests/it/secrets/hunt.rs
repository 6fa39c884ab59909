//! Looking for secrets in what was written down: each in every form in which one gets somewhere by mistake, and any part of it
//! that is long enough to be no accident.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// So many bytes of a form in a row are a find.
const PART: usize = 20;

/// The secrets that are looked for, cut into parts.
#[derive(Default)]
pub struct Hunt {
    parts: HashMap<Vec<u8>, String>,
    /// How parts begin, so that hardly anything has to be looked up.
    begins: HashSet<[u8; 4], BuildHasherDefault<Plain>>,
    /// What each was called.
    pub names: Vec<String>,
}

impl Hunt {
    /// A secret that is a text: itself, and its bytes in all forms (a Basic credential is base64 of one).
    #[track_caller]
    pub fn text(&mut self, name: &str, text: &str) {
        assert!(text.len() >= PART, "{name} is too short to be looked for");
        self.names.push(name.to_owned());
        self.part(name, text.as_bytes());
        self.forms(name, text.as_bytes());
    }

    /// One of our opaque secrets, by its whole text: the text, and the 256 bits it stands for.
    #[track_caller]
    pub fn opaque(&mut self, name: &str, text: &str) {
        let body = text.splitn(3, '_').nth(2).unwrap_or_else(|| panic!("{name} is not opaque: {text}"));
        self.text(name, body);
        self.forms(name, &URL_SAFE_NO_PAD.decode(body).unwrap()[..32]);
    }

    /// A refresh token: what stands behind the family's id and its generation, which are no secret.
    #[track_caller]
    pub fn refresh(&mut self, name: &str, text: &str) {
        let raw = URL_SAFE_NO_PAD.decode(text.strip_prefix("ch_rt_").unwrap()).unwrap();
        let secret = &raw[raw.len() - 48..];
        self.names.push(name.to_owned());
        self.forms(name, secret);
        self.part(name, &text.as_bytes()[text.len() - 64..]);
    }

    /// A JWT: without its signature it is worth nothing, and with it it is found.
    #[track_caller]
    pub fn signed(&mut self, name: &str, jwt: &str) {
        let signature = jwt.rsplit('.').next().unwrap();
        self.text(name, signature);
        self.forms(name, &URL_SAFE_NO_PAD.decode(signature).unwrap());
    }

    /// A secret that is bytes.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.names.push(name.to_owned());
        self.forms(name, bytes);
    }

    fn forms(&mut self, name: &str, bytes: &[u8]) {
        self.part(name, bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.part(name, hex.as_bytes());
        self.part(name, hex.to_uppercase().as_bytes());
        // As `{:?}` prints bytes.
        let listed = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        self.part(name, listed.as_bytes());
        // Base64 of something that has it inside: wherever it begins there.
        for before in 0..3 {
            let inside = [&vec![0; before][..], bytes].concat();
            for text in [STANDARD.encode(&inside), URL_SAFE_NO_PAD.encode(&inside)] {
                // What stands at its ends depends on what is beside it; alone it has nothing beside it.
                let ends = if before == 0 { 0..text.len() } else { 4..text.len().saturating_sub(4) };
                self.part(name, text.get(ends).unwrap_or_default().as_bytes());
            }
        }
    }

    fn part(&mut self, name: &str, form: &[u8]) {
        for part in form.windows(PART) {
            self.begins.insert(begin(part));
            self.parts.entry(part.to_vec()).or_insert_with(|| name.to_owned());
        }
    }

    /// What of it is in there, with what stands around it.
    pub fn found(&self, written: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut next = 0;
        for (at, part) in written.windows(PART).enumerate() {
            if at < next || !self.begins.contains(&begin(part)) {
                continue;
            }
            if let Some(name) = self.parts.get(part) {
                let around = &written[at.saturating_sub(120)..(at + 60).min(written.len())];
                found.push(format!("{name}: …{}…", String::from_utf8_lossy(around)));
                next = at + 200;
            }
        }
        found
    }

    /// Nothing of it is in there.
    #[track_caller]
    pub fn nothing_in(&self, what: &str, written: &[u8]) {
        let found = self.found(written);
        assert!(found.is_empty(), "{what} holds secrets: {found:#?}");
    }
}

fn begin(part: &[u8]) -> [u8; 4] {
    [part[0], part[1], part[2], part[3]]
}

/// Four bytes are spread well enough by one multiplication.
#[derive(Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8 | u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}

#[test]
fn whatever_form_it_takes_it_is_found() {
    use chancery::secret::{ClientSecret, Opaque, bytes};
    let secret = Opaque::<ClientSecret>::generate();
    let (text, bits) = (secret.expose(), secret.bits());
    let mut hunt = Hunt::default();
    hunt.opaque("client secret", &text);
    let hex: String = bits.iter().map(|byte| format!("{byte:02X}")).collect();
    let basic = STANDARD.encode(format!("0199a3f2-7c1f-7b44-9d0e-4f2a91c0d3e8:{text}"));
    let wrapped = URL_SAFE_NO_PAD.encode([b"some".as_slice(), bits, b"thing"].concat());
    for planted in [&text, &text[..34], &hex, &format!("{bits:?}"), &STANDARD.encode(bits), &basic, &wrapped] {
        let line = format!("a line with {planted} in it");
        assert_eq!(hunt.found(line.as_bytes()).len(), 1, "{planted}");
    }
    assert_eq!(hunt.found(&[b"raw".as_slice(), bits, b"!"].concat()).len(), 1);
    let digest: String = secret.digest().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    for harmless in [digest, format!("{secret:?}"), text[..20].to_owned(), STANDARD.encode(bytes::<64>())] {
        assert_eq!(hunt.found(harmless.as_bytes()), Vec::<String>::new());
    }
}
