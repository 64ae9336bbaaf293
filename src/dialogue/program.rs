//! What a dialogue runs: a dialplan with its templates compiled, shared by all its calls.

use super::grammars::Grammars;
use crate::dialplan::model::Dialplan;
use crate::dialplan::template::{TemplateError, Templates};
use crate::speech::blocked::Blocked;
use std::sync::Arc;

#[derive(Debug)]
pub struct Program {
    pub dialplan: Dialplan,
    pub templates: Templates,
    pub grammars: Grammars,
    pub blocked: Blocked,
}

impl Program {
    /// Every template that cannot work is told at once.
    pub fn compile(dialplan: Dialplan) -> Result<Arc<Program>, Vec<TemplateError>> {
        let templates = Templates::compile(&dialplan)?;
        Ok(Arc::new(Program {
            grammars: Grammars::of(&dialplan),
            blocked: Blocked::with(&dialplan.blocked),
            dialplan,
            templates,
        }))
    }
}
