"""Checks that the product makes, each as the source without it, and the test that must notice."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mutation:
    """A piece of source, what takes its place, and which test fails then. `number`: of PROTOCOL.md 29."""

    number: int
    path: str
    before: str
    after: str
    test: str

    @property
    def title(self) -> str:
        """For the report: number, module and test."""
        return f"{self.number}-{self.test.rpartition('::')[2]}"


_LISTS: Final = "secure_chat/directory/device_list.py"
_PREKEYS: Final = "secure_chat/directory/prekeys.py"
_MESSAGES: Final = "secure_chat/e2ee/messages.py"
_RATCHET: Final = "secure_chat/e2ee/ratchet.py"
_OF_LISTS: Final = "tests/directory/test_device_list.py"
_OF_PREKEYS: Final = "tests/directory/test_prekeys.py"
_OF_MESSAGES: Final = "tests/e2ee/test_messages.py"

MUTATIONS: Final = (
    Mutation(
        1,
        "secure_chat/e2ee/key_schedule.py",
        "        raise KeyWorthless from error",
        "        return bytes(32)",
        "tests/e2ee/test_key_schedule.py::test_agreement_on_zero_is_refused",
    ),
    Mutation(
        4,
        _PREKEYS,
        "        signing_key.verify_payload(self.prekey.signing_payload(user_id, device_id), self.signature)",
        "        return",
        "tests/e2ee/test_bundles.py::test_prekeys_of_another_device_or_with_anothers_signature_are_refused",
    ),
    Mutation(
        5,
        "secure_chat/e2ee/setup.py",
        "    if not hmac.compare_digest(session.sid8, envelope.sid8):",
        "    if False:",
        "tests/e2ee/test_setup.py::test_an_altered_or_stripped_kem_ciphertext_is_refused",
    ),
    Mutation(
        6,
        "secure_chat/e2ee/envelope.py",
        "version != VERSION or suite != SUITE or kind not in (TYPE_INIT, TYPE_NORMAL)",
        "version != VERSION or kind not in (TYPE_INIT, TYPE_NORMAL)",
        "tests/e2ee/test_envelope.py::test_an_envelope_with_a_field_that_nobody_writes_is_refused",
    ),
    Mutation(
        7,
        _LISTS,
        "    if not hmac.compare_digest(candidate.device_list.prev_hash, previous.digest):",
        "    if False:",
        f"{_OF_LISTS}::test_a_list_that_continues_another_one_is_refused",
    ),
    Mutation(
        8,
        _LISTS,
        "    device_list.identity_key.verify_payload(device_list.signing_payload(), signed.signature)\n",
        "",
        f"{_OF_LISTS}::test_a_device_added_by_the_server_without_the_identity_is_refused",
    ),
    Mutation(
        9,
        _LISTS,
        "        device.signing_key.verify_payload(payload, device.pop)",
        "        pass",
        f"{_OF_LISTS}::test_an_entry_with_another_devices_signing_key_fails_its_proof_of_possession",
    ),
    Mutation(
        14,
        _MESSAGES,
        'return b"".join((_ASSOCIATED, session.sid, session.transcript_hash, start))',
        'return b"".join((_ASSOCIATED, session.sid, session.transcript_hash))',
        f"{_OF_MESSAGES}::test_a_repeated_init_field_is_bound_though_it_is_not_used",
    ),
    Mutation(
        15,
        _MESSAGES,
        "    if not hmac.compare_digest(keys.commitment, envelope.commitment):",
        "    if False:",
        f"{_OF_MESSAGES}::test_another_commitment_is_refused_even_where_the_tag_is_right",
    ),
    Mutation(
        16,
        _RATCHET,
        "    if end - newest.next_n > MAX_SKIPPED_AT_ONCE:",
        "    if end - newest.next_n > 10 * MAX_SKIPPED_AT_ONCE:",
        f"{_OF_MESSAGES}::test_a_message_too_far_ahead_is_refused_at_once",
    ),
    Mutation(
        17,
        _RATCHET,
        "skipped=chain.skipped[:place] + chain.skipped[place + 1 :]",
        "skipped=chain.skipped",
        f"{_OF_MESSAGES}::test_a_message_opens_once_and_only_once",
    ),
    Mutation(
        29,
        "secure_chat/client/vault/wraps.py",
        "        if not limits.MIN_VAULT_ARGON2_OPS <= self.ops <= limits.MAX_VAULT_ARGON2_OPS:",
        "        if False:",
        "tests/client/vault/test_wraps.py::test_lowered_and_giant_parameters_are_refused_before_any_work",
    ),
    Mutation(
        32,
        "secure_chat/protocol/envelope_header.py",
        "        if length <= size:\n            return size",
        "        pass",
        "tests/e2ee/test_content.py::test_all_short_texts_and_small_kinds_are_of_one_size",
    ),
    Mutation(
        35,
        "secure_chat/e2ee/hidden.py",
        '        return f"<{type(self).__name__}>"',
        "        return super().__repr__()",
        f"{_OF_MESSAGES}::test_no_key_and_no_text_shows_in_repr",
    ),
    Mutation(
        38,
        _LISTS,
        "    _check_against_seen(candidate.device_list, {*previous.device_list.seen_devices(), *seen})\n",
        "",
        f"{_OF_LISTS}::test_an_old_number_with_new_keys_is_refused",
    ),
    Mutation(
        40,
        _MESSAGES,
        "    env_id = identifier(random, ENVELOPE_ID_BYTES)",
        '    env_id = b"1" * ENVELOPE_ID_BYTES',
        f"{_OF_MESSAGES}::test_a_cloned_state_that_sends_again_uses_another_key",
    ),
    Mutation(
        41,
        "secure_chat/protocol/authentication.py",
        '        raise LoginDerivationRefused("The server asks for a weaker login than last time. Nothing was sent.")',
        "        pass",
        "tests/client/test_login_secret.py::test_a_lower_or_unknown_row_is_refused_before_any_work",
    ),
    Mutation(
        43,
        "secure_chat/protocol/authentication.py",
        "    if not hmac.compare_digest(proof, invite_proof(secret, invitation)):",
        "    if False:",
        "tests/protocol/test_authentication.py::test_a_proof_for_anything_else_is_refused",
    ),
    Mutation(
        45,
        _RATCHET,
        "        if key.n == n and key.kept_ms > now_ms - SKIPPED_KEY_MS:",
        "        if key.n == n:",
        "tests/e2ee/test_ratchet.py::test_a_skipped_key_expires_after_35_days",
    ),
    Mutation(
        49,
        "secure_chat/encoding.py",
        '        raise EncodingError("An identifier is all zero.")',
        "        pass",
        "tests/e2ee/test_content.py::test_what_nobody_would_write_is_not_read",
    ),
    Mutation(
        50,
        _PREKEYS,
        "    if prekey.created < now_ms - MAX_PREKEY_AGE_MS:",
        "    if False:",
        f"{_OF_PREKEYS}::test_a_prekey_of_more_than_60_days_means_a_device_not_seen",
    ),
    Mutation(
        51,
        "secure_chat/e2ee/choice.py",
        "chain.next_n >= limits.MAX_CHAIN_MESSAGES or now_ms - chain.started_ms >= limits.MAX_CHAIN_AGE_MS",
        "now_ms - chain.started_ms >= limits.MAX_CHAIN_AGE_MS",
        f"{_OF_MESSAGES}::test_message_501_wants_a_new_session",
    ),
    Mutation(
        63,
        "secure_chat/e2ee/setup.py",
        "    if gen > now_ms // 1000 + MAX_GENERATION_AHEAD_SECONDS:",
        "    if False:",
        "tests/e2ee/test_setup.py::test_a_session_from_two_days_ahead_is_refused_before_any_key_work",
    ),
    Mutation(
        66,
        "secure_chat/e2ee/safety_number.py",
        ".text(party.name)",
        "",
        "tests/e2ee/test_safety_number.py::test_another_name_user_server_or_key_has_another_number",
    ),
    Mutation(
        69,
        "secure_chat/e2ee/parties.py",
        "        if self.public.dh_key.point in [key.point for key in others]:",
        "        if self.public.dh_key.raw in [key.raw for key in others]:",
        "tests/e2ee/test_bundles.py::test_a_key_of_this_device_is_refused_in_each_of_its_forms",
    ),
    Mutation(
        72,
        _MESSAGES,
        "    if session.closed or needs_new_session(session, now_ms):",
        "    if needs_new_session(session, now_ms):",
        f"{_OF_MESSAGES}::test_after_a_session_close_late_messages_open_and_nothing_more_is_sent",
    ),
    Mutation(
        74,
        _PREKEYS,
        '        raise PrekeyError("This device speaks a lower suite than before.")',
        "        pass",
        f"{_OF_PREKEYS}::test_a_lowered_suite_is_refused",
    ),
)
