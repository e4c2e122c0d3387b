//! What a row says of a play beside its track and time, in one number.

use bytemuck::{Pod, Zeroable};

use crate::{BehaviourPolicy, Context, Responses, Source};

/// Flags of a row. Rows with labels come before those without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(transparent)]
pub(super) struct Marks(u32);

const COMPLETE: u32 = 1;
const SKIP_SHIFT: u32 = 1;
const SHUFFLE: u32 = 1 << 4;
const PREMIUM: u32 = 1 << 5;
/// The source's code plus 1; 0 where unknown.
const SOURCE_SHIFT: u32 = 6;
const SOURCE_BITS: u32 = 7;
const UNLABELLED: u32 = 1 << 31;

impl Marks {
    /// A row of the second half of a test session.
    pub(super) const UNLABELLED: Self = Self(UNLABELLED);

    pub(super) fn new(
        not_skipped: bool,
        skips: [bool; 3],
        shuffle: bool,
        premium: bool,
        source: Option<Source>,
    ) -> Self {
        let flag = |set: bool, bit: u32| if set { bit } else { 0 };
        let skips = skips.iter().enumerate().map(|(place, &skip)| u32::from(skip) << place).sum::<u32>();
        let source = source.map_or(0, |source| source.code() as u32 + 1);
        Self(
            flag(not_skipped, COMPLETE)
                | skips << SKIP_SHIFT
                | flag(shuffle, SHUFFLE)
                | flag(premium, PREMIUM)
                | source << SOURCE_SHIFT,
        )
    }

    pub(super) fn labelled(self) -> bool {
        self.0 & UNLABELLED == 0
    }

    fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    fn skips(self) -> u32 {
        self.0 >> SKIP_SHIFT & 7
    }

    pub(super) fn responses(self) -> Responses {
        if !self.labelled() {
            return Responses::default();
        }
        let complete = self.has(COMPLETE);
        Responses { complete: Some(complete), skip: Some(!complete), past_threshold: None }
    }

    /// The earliest of the nested skip marks; none where the track was played out or skipped after all three marks.
    pub(super) fn skip_step(self) -> Option<u8> {
        (!self.has(COMPLETE) && self.skips() != 0).then(|| self.skips().trailing_zeros() as u8 + 1)
    }

    /// Whether it was neither played out nor skipped before the last mark.
    pub(super) fn skipped_late(self) -> bool {
        self.labelled() && !self.has(COMPLETE) && self.skips() == 0
    }

    /// Whether the marks are not nested, or say skipped and not skipped at once.
    pub(super) fn contradictory(self) -> bool {
        match self.skips() {
            0 => false,
            skips => self.has(COMPLETE) || !matches!(skips, 0b100 | 0b110 | 0b111),
        }
    }

    pub(super) fn source(self) -> Option<Source> {
        let code = self.0 >> SOURCE_SHIFT & SOURCE_BITS;
        Source::ALL.get(code.wrapping_sub(1) as usize).copied()
    }

    /// The circumstances of a session that begins with this row, but for the time.
    pub(super) fn context(self) -> Context {
        if !self.labelled() {
            return Context::default();
        }
        let source = self.source();
        Context {
            source,
            premium: Some(self.has(PREMIUM)),
            shuffle: Some(self.has(SHUFFLE)),
            behaviour_policy: (source == Some(Source::Radio)).then_some(BehaviourPolicy::Radio),
            ..Context::default()
        }
    }
}
