<?php
// Receives webhooks, with PHP alone. Writes a line to $WEBHOOK_LOG for each cancellation.
//
//   RESCIND_WEBHOOK_SECRET=whsec_… WEBHOOK_LOG=ended.log php -S 127.0.0.1:8000 webhook.php

declare(strict_types=1);

const TOLERANCE = 300; // seconds

function isGenuine(string $secret, array $server, string $body): bool
{
    $id = $server['HTTP_WEBHOOK_ID'] ?? '';
    $timestamp = $server['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    // An old webhook may be a replay of one that somebody recorded.
    if ($id === '' || !preg_match('/^\d{1,12}$/D', $timestamp)
        || abs(time() - (int) $timestamp) > TOLERANCE) {
        return false;
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    // Sign the received bytes: JSON that is parsed and written again has other bytes.
    $digest = hash_hmac('sha256', "$id.$timestamp.$body", $key, true);
    $expected = 'v1,' . base64_encode($digest);
    // While the secret is being rotated, there are several signatures.
    foreach (explode(' ', $server['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) {
        if (hash_equals($expected, $given)) {
            return true;
        }
    }
    return false;
}

/** Replace this: write it into your database under its webhook-id, as it may come twice. */
function store(string $id, array $event): void
{
    if (!str_starts_with($event['type'], 'cancellation.')) {
        return; // a test event, or the end of a group or of a plan
    }
    $data = $event['data'];
    $line = "$id $data[provider] $data[order] $data[state] $data[reason]\n";
    file_put_contents(getenv('WEBHOOK_LOG'), $line, FILE_APPEND | LOCK_EX);
}

$body = file_get_contents('php://input');
if (!isGenuine(getenv('RESCIND_WEBHOOK_SECRET'), $_SERVER, $body)) {
    http_response_code(401);
    exit;
}
store($_SERVER['HTTP_WEBHOOK_ID'], json_decode($body, true, flags: JSON_THROW_ON_ERROR));
http_response_code(204);
