//! SoftHSM's library, what it can, and the token below the data folder.

use std::path::{Path, PathBuf};

use super::{ELSEWHERE, Place, open_to_others, secret, shadow::Shadow};
use crate::{
    algorithm::Mechanism,
    config,
    error::Source,
    kek::pkcs11::{Opening, Survey},
    server::doctor::{Checkup, Finding, Question, look},
};

const ABOUT: &str = "SoftHSM";

impl Place {
    pub(super) fn softhsm(&self, checkup: &mut Checkup) {
        if self.is_in_use() {
            checkup.findings.push(self.pin());
        }
        match self.survey() {
            Ok((module, survey)) => {
                let says = format!("its library is {}", module.display());
                checkup.findings.push(Finding::ok(ABOUT, says));
                checkup.findings.extend(abilities(survey));
                checkup.findings.extend(self.opening(survey.opening));
                checkup.token = Some(survey);
            }
            Err(finding) => checkup.findings.push(finding),
        }
    }

    /// Answers the library and what it shows, or what is wrong.
    fn survey(&self) -> Result<(PathBuf, Survey), Finding> {
        let module = config::softhsm_module().map_err(|why| {
            let todo = "install it, or set CUSTODIAN_SOFTHSM_MODULE to where its library is";
            Finding::problem(ABOUT, why.to_string(), todo)
        })?;
        let home = self.is_in_use().then(|| self.file("softhsm"));
        let shadow = Shadow::of(home.as_deref()).map_err(|error| {
            let says = format!("its files cannot be copied aside to be tried: {error}");
            Finding::problem("token", says, "run this as their owner")
        })?;
        let survey = self.ask(&module, &shadow.conf).map_err(|why| {
            let says = format!("{}: {why}", module.display());
            let todo =
                "run softhsm/install.sh, or set CUSTODIAN_SOFTHSM_MODULE to where its library is";
            Finding::problem(ABOUT, says, todo)
        })?;
        Ok((module, survey))
    }

    fn ask(&self, module: &Path, softhsm_conf: &Path) -> Result<Survey, Source> {
        let pin_file = self.file("softhsm/pin");
        let usable = pin_file.is_file() && open_to_others(&pin_file).is_none();
        look(&Question {
            module,
            label: config::DEV_TOKEN,
            pin_file: usable.then_some(&*pin_file),
            softhsm_conf: Some(softhsm_conf),
        })
    }

    fn pin(&self) -> Finding {
        const ABOUT: &str = "PIN file";
        let file = self.file("softhsm/pin");
        let path = file.display();
        match file.is_file() {
            true => secret(ABOUT, &file).unwrap_or_else(|| {
                Finding::ok(ABOUT, format!("{path} is there, for its owner only"))
            }),
            false if self.file("software-kek").exists() => Finding::problem(
                ABOUT,
                format!("{path} is not there: the folder was made with --kek software"),
                "give --kek software",
            ),
            false => Finding::problem(
                ABOUT,
                format!("{path} is not there, and nothing else opens the token"),
                ELSEWHERE,
            ),
        }
    }

    fn opening(&self, opening: Opening) -> Option<Finding> {
        const ABOUT: &str = "token";
        let tokens = self.file("softhsm/tokens");
        let tokens = tokens.display();
        Some(match opening {
            Opening::Opens => {
                Finding::ok(ABOUT, format!("it is below {tokens} and opens by its PIN"))
            }
            Opening::PinRefused => Finding::problem(
                ABOUT,
                "the PIN in the PIN file is not the token's",
                "put the PIN file back that was made with it",
            ),
            Opening::Untried => Finding::warning(
                ABOUT,
                format!(
                    "it is below {tokens}; whether it opens was not tried, for want of a PIN file"
                ),
                "mend the PIN file, then run this again",
            ),
            Opening::Absent if self.is_in_use() => {
                Finding::problem(ABOUT, format!("there is none below {tokens}"), ELSEWHERE)
            }
            Opening::Absent => return None,
        })
    }
}

pub(in crate::server) fn abilities(survey: Survey) -> [Finding; 2] {
    const WRAPPING: &str = "wrapping";
    const SIGNING: &str = "signing";
    [
        match survey.aes_gcm {
            true => Finding::ok(WRAPPING, sealing(survey.mechanism)),
            false => Finding::problem(
                WRAPPING,
                "the token has no CKM_AES_KEY_GEN or no CKM_AES_GCM, so no KEK can be in it",
                "take a token that has both",
            ),
        },
        match survey.ed25519 {
            true => Finding::ok(SIGNING, "Ed25519 keys are made in the token and sign there"),
            false => Finding::warning(
                SIGNING,
                "the token has no CKM_EC_EDWARDS_KEY_PAIR_GEN or no CKM_EDDSA, so the KEK wraps the seeds of signing keys",
                "take a token that has both if they are to stay inside it",
            ),
        },
    ]
}

fn sealing(mechanism: Option<Mechanism>) -> &'static str {
    match mechanism {
        None => "AES-256 keys are made in the token and used by AES-GCM",
        Some(Mechanism::AesGcm) => {
            "AES-256 keys are made in the token and used by AES-GCM, under IVs of ours (aes-gcm)"
        }
        Some(Mechanism::AesGcmTokenIv) => {
            "AES-256 keys are made in the token and used by AES-GCM, under IVs of its own (aes-gcm-token-iv)"
        }
    }
}
