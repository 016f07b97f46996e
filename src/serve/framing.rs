//! Messages on a stream: two bytes of length before each (RFC 1035 section 4.2.2, RFC 7766 section 8).

/// A message shorter than a header is no DNS, and what follows it cannot be trusted.
const MESSAGE_BYTES_MIN: usize = 12;

/// Bytes of the length before a message.
pub(super) const PREFIX_BYTES: usize = 2;

/// The longest message.
pub(super) const MESSAGE_BYTES_MAX: usize = u16::MAX as usize;

/// Replies beyond this are sent before more queries are answered, which bounds what a client that
/// does not read can make the server hold.
pub(super) const FLUSH_BYTES: usize = 32 * 1024;

/// Room for replies up to [`FLUSH_BYTES`] and for one more, of any length.
pub(super) const OUTPUT_BYTES: usize = FLUSH_BYTES + PREFIX_BYTES + MESSAGE_BYTES_MAX;

/// How far one pass over the input came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    /// Bytes of input that are done with.
    pub(super) consumed: usize,
    /// Bytes of output written, lengths included.
    pub(super) written: usize,
    /// Queries among the input.
    pub(super) queries: u64,
    /// Replies among the output.
    pub(super) replies: u64,
    /// Why the pass ended.
    pub(super) end: End,
}

/// Why a pass over the input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// No further whole message.
    Starved,
    /// Enough output; there may be more input.
    Full,
    /// A length that no message has. The connection is of no more use.
    Malformed,
}

/// Bytes that the message at the front of `input` takes with its length, once that is known.
pub(super) fn needed(input: &[u8]) -> Option<usize> {
    let (prefix, _) = input.split_first_chunk::<PREFIX_BYTES>()?;
    Some(PREFIX_BYTES + usize::from(u16::from_be_bytes(*prefix)))
}

/// Answers the whole messages of `input` in order into `output`, which must hold [`OUTPUT_BYTES`].
/// `answer` takes a query and room for the reply and says its length, 0 for none.
pub(super) fn pass(input: &[u8], output: &mut [u8], mut answer: impl FnMut(&[u8], &mut [u8]) -> usize) -> Pass {
    let mut pass = Pass { consumed: 0, written: 0, queries: 0, replies: 0, end: End::Starved };
    while let Some(size) = needed(&input[pass.consumed..]) {
        if size < PREFIX_BYTES + MESSAGE_BYTES_MIN {
            pass.end = End::Malformed;
            break;
        }
        if pass.written >= FLUSH_BYTES {
            pass.end = End::Full;
            break;
        }
        let Some(message) = input.get(pass.consumed + PREFIX_BYTES..pass.consumed + size) else { break };
        pass.consumed += size;
        pass.queries += 1;
        let room = &mut output[pass.written..][..PREFIX_BYTES + MESSAGE_BYTES_MAX];
        let (prefix, body) = room.split_at_mut(PREFIX_BYTES);
        if let Ok(length @ 1..) = u16::try_from(answer(message, body)) {
            prefix.copy_from_slice(&length.to_be_bytes());
            pass.written += PREFIX_BYTES + usize::from(length);
            pass.replies += 1;
        }
    }
    pass
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let one = |m: &&[u8]| [&u16::try_from(m.len()).unwrap().to_be_bytes(), *m].concat();
        messages.iter().flat_map(one).collect()
    }

    fn echo(query: &[u8], out: &mut [u8]) -> usize {
        out[..query.len()].copy_from_slice(query);
        query.len()
    }

    #[test]
    fn whole_messages_are_answered_in_order_and_the_rest_is_left() {
        let mut input = framed(&[b"first message", b"second message"]);
        let whole = input.len();
        input.extend_from_slice(&[0, 20, 1, 2, 3]);
        let mut output = vec![0; OUTPUT_BYTES];
        let got = pass(&input, &mut output, echo);
        assert_eq!(got, Pass { consumed: whole, written: whole, queries: 2, replies: 2, end: End::Starved });
        assert_eq!(output[..whole], input[..whole]);
    }

    #[test]
    fn a_message_without_reply_leaves_no_trace() {
        let input = framed(&[b"first message", b"second message"]);
        let mut output = vec![0; OUTPUT_BYTES];
        let got = pass(&input, &mut output, |query, out| if query[0] == b'f' { 0 } else { echo(query, out) });
        assert_eq!((got.consumed, got.queries, got.replies), (input.len(), 2, 1));
        assert_eq!(output[..got.written], framed(&[b"second message"]));
    }

    #[test]
    fn lengths_below_a_header_end_the_stream_after_what_came_before() {
        for length in 0..12_u8 {
            let mut input = framed(&[b"first message"]);
            let before = input.len();
            input.extend_from_slice(&[0, length]);
            input.extend(vec![7; usize::from(length)]);
            let got = pass(&input, &mut vec![0; OUTPUT_BYTES], echo);
            assert_eq!((got.consumed, got.written, got.end), (before, before, End::Malformed), "length {length}");
        }
    }

    #[test]
    fn output_is_bounded_and_the_longest_reply_always_fits() {
        let input = framed(&[b"first message", b"second message"]);
        let mut output = vec![0; OUTPUT_BYTES];
        let got = pass(&input, &mut output, |_, out| out.len());
        assert_eq!((got.written, got.queries, got.end), (PREFIX_BYTES + MESSAGE_BYTES_MAX, 1, End::Full));
        let got = pass(&input[got.consumed..], &mut output, |_, _| FLUSH_BYTES - 3);
        assert_eq!((got.written, got.end), (FLUSH_BYTES - 1, End::Starved));
    }

    #[test]
    fn a_length_cut_in_half_waits() {
        let got = pass(&[0], &mut vec![0; OUTPUT_BYTES], echo);
        assert_eq!((got.consumed, got.end), (0, End::Starved));
        assert_eq!(needed(&[1]), None);
        assert_eq!(needed(&[1, 2]), Some(2 + 258));
    }
}
