<?php
// Submits cancellations by HTTP, with PHP's own curl; up to 1,000 in a request.
//
//   RESCIND_URL=http://127.0.0.1:8080 RESCIND_TOKEN=… php cancel.php ithink 86210010465

declare(strict_types=1);

const TRIES = 5;

/** @return array{int, array} the status and the JSON of the answer */
function post(string $url, string $token, array $document): array
{
    $curl = curl_init($url);
    curl_setopt_array($curl, [
        CURLOPT_POST => true,
        CURLOPT_POSTFIELDS => json_encode($document, JSON_THROW_ON_ERROR),
        CURLOPT_HTTPHEADER => [
            'Content-Type: application/json',
            "Authorization: Bearer $token",
        ],
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_CONNECTTIMEOUT => 5,
        CURLOPT_TIMEOUT => 30,
    ]);
    $body = curl_exec($curl);
    if ($body === false) {
        throw new RuntimeException(curl_error($curl));
    }
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    return [$status, json_decode($body, true, flags: JSON_THROW_ON_ERROR)];
}

/** Returns the receipts, in order. It retries, since a repeated request is harmless. */
function submit(string $url, string $token, array $cancellations): array
{
    $document = ['cancellations' => $cancellations];
    for ($try = 1; ; $try++) {
        try {
            [$status, $answer] = post("$url/v1/cancellations", $token, $document);
            if ($status === 202) {
                return $answer['cancellations'];
            }
            $why = "$status: " . ($answer['detail'] ?? '');
            if ($status < 500 && $status !== 429) {
                throw new InvalidArgumentException($why);
            }
        } catch (RuntimeException | JsonException $error) {
            $why = $error->getMessage();
        }
        if ($try === TRIES) {
            throw new RuntimeException($why);
        }
        usleep(100_000 * 2 ** $try);
    }
}

if ($argc < 3) {
    fwrite(STDERR, "usage: php cancel.php PROVIDER ORDER...\n");
    exit(2);
}
$entry = fn (string $order): array => ['provider' => $argv[1], 'order' => $order];
try {
    $receipts = submit(
        getenv('RESCIND_URL'),
        getenv('RESCIND_TOKEN'),
        array_map($entry, array_slice($argv, 2)),
    );
} catch (Exception $error) {
    fwrite(STDERR, "not submitted: {$error->getMessage()}\n");
    exit($error instanceof InvalidArgumentException ? 2 : 3);
}
foreach ($receipts as $one) {
    echo "$one[id] $one[receipt] $one[wrong]\n";
}
exit(in_array('refused', array_column($receipts, 'receipt'), true) ? 1 : 0);
