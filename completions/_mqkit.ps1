
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'mqkit' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'mqkit'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'mqkit' {
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('pub', 'pub', [CompletionResultType]::ParameterValue, 'Publish a message, a file, or a stream of lines')
            [CompletionResult]::new('sub', 'sub', [CompletionResultType]::ParameterValue, 'Subscribe and print JSON lines, payloads, or a format')
            [CompletionResult]::new('decode', 'decode', [CompletionResultType]::ParameterValue, 'Explain packets given as hex text')
            [CompletionResult]::new('broker', 'broker', [CompletionResultType]::ParameterValue, 'Run an embedded broker for development and CI')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            break
        }
        'mqkit;pub' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Topic name to publish to; may stand in the URL instead')
            [CompletionResult]::new('--topic', '--topic', [CompletionResultType]::ParameterName, 'Topic name to publish to; may stand in the URL instead')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Payload: the text as it stands')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'Payload: the text as it stands')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Payload: the contents of a file')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Payload: the contents of a file')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'QoS: 0, 1 or 2')
            [CompletionResult]::new('--qos', '--qos', [CompletionResultType]::ParameterName, 'QoS: 0, 1 or 2')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC] [env: MQTT_URL]')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC] [env: MQTT_URL]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Host name or address [env: MQTT_HOST] [default: localhost]')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Host name or address [env: MQTT_HOST] [default: localhost]')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Port [env: MQTT_PORT] [default: 1883, or 8883 with TLS]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port [env: MQTT_PORT] [default: 1883, or 8883 with TLS]')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Local address to connect from')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Local address to connect from')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Client identifier [default: a random one]')
            [CompletionResult]::new('--id', '--id', [CompletionResultType]::ParameterName, 'Client identifier [default: a random one]')
            [CompletionResult]::new('-I', '-I ', [CompletionResultType]::ParameterName, 'Client identifier made of this prefix and the process number')
            [CompletionResult]::new('--id-prefix', '--id-prefix', [CompletionResultType]::ParameterName, 'Client identifier made of this prefix and the process number')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'User name')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'User name')
            [CompletionResult]::new('-P', '-P ', [CompletionResultType]::ParameterName, 'Password; others can see it in the process list, so a file or the environment is better [env: MQTT_PASSWORD]')
            [CompletionResult]::new('--pw', '--pw', [CompletionResultType]::ParameterName, 'Password; others can see it in the process list, so a file or the environment is better [env: MQTT_PASSWORD]')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the password from the first line of a file')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31')
            [CompletionResult]::new('--protocol-version', '--protocol-version', [CompletionResultType]::ParameterName, 'Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Keep alive in seconds; 0 switches it off')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Keep alive in seconds; 0 switches it off')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5')
            [CompletionResult]::new('--session-expiry-interval', '--session-expiry-interval', [CompletionResultType]::ParameterName, 'How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5')
            [CompletionResult]::new('-D', '-D ', [CompletionResultType]::ParameterName, 'MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE')
            [CompletionResult]::new('--property', '--property', [CompletionResultType]::ParameterName, 'MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE')
            [CompletionResult]::new('--will-topic', '--will-topic', [CompletionResultType]::ParameterName, 'Topic of the message that the broker publishes when this client is lost')
            [CompletionResult]::new('--will-payload', '--will-payload', [CompletionResultType]::ParameterName, 'Payload of the will')
            [CompletionResult]::new('--will-qos', '--will-qos', [CompletionResultType]::ParameterName, 'QoS of the will')
            [CompletionResult]::new('-M', '-M ', [CompletionResultType]::ParameterName, 'Own limit of unacknowledged messages; the broker''s Receive Maximum holds, too')
            [CompletionResult]::new('--max-inflight', '--max-inflight', [CompletionResultType]::ParameterName, 'Own limit of unacknowledged messages; the broker''s Receive Maximum holds, too')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'One limit over name look-up, TCP, TLS and CONNACK')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`, no limit in `sub`]')
            [CompletionResult]::new('--ack-timeout', '--ack-timeout', [CompletionResultType]::ParameterName, 'Connect again and resend when an acknowledgement takes longer')
            [CompletionResult]::new('--resend-interval', '--resend-interval', [CompletionResultType]::ParameterName, 'Resend inside the connection after so long, in 3.1 and 3.1.1')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Limit of the whole run, everything included')
            [CompletionResult]::new('--cafile', '--cafile', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file')
            [CompletionResult]::new('--capath', '--capath', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in the PEM files of this directory')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Own certificate, PEM')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Key of the own certificate, PEM, not encrypted')
            [CompletionResult]::new('--tls-alpn', '--tls-alpn', [CompletionResultType]::ParameterName, 'Application protocol to ask for')
            [CompletionResult]::new('--tls-version', '--tls-version', [CompletionResultType]::ParameterName, 'Lowest and only TLS version: tlsv1.2 or tlsv1.3')
            [CompletionResult]::new('--tls-keylog', '--tls-keylog', [CompletionResultType]::ParameterName, 'Write the session keys to this file, for Wireshark')
            [CompletionResult]::new('--servername', '--servername', [CompletionResultType]::ParameterName, 'Name that the broker''s certificate must have [default: the host]')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'An empty payload; with --retain it deletes the stored message')
            [CompletionResult]::new('--null-message', '--null-message', [CompletionResultType]::ParameterName, 'An empty payload; with --retain it deletes the stored message')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Payload: all of standard input')
            [CompletionResult]::new('--stdin-file', '--stdin-file', [CompletionResultType]::ParameterName, 'Payload: all of standard input')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'One message for each line of standard input, read as fast as the broker takes them')
            [CompletionResult]::new('--stdin-line', '--stdin-line', [CompletionResultType]::ParameterName, 'One message for each line of standard input, read as fast as the broker takes them')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Ask the broker to store the message for later subscribers')
            [CompletionResult]::new('--retain', '--retain', [CompletionResultType]::ParameterName, 'Ask the broker to store the message for later subscribers')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Go on with the session that the broker has stored for this identifier, and leave it there')
            [CompletionResult]::new('--disable-clean-session', '--disable-clean-session', [CompletionResultType]::ParameterName, 'Go on with the session that the broker has stored for this identifier, and leave it there')
            [CompletionResult]::new('--will-retain', '--will-retain', [CompletionResultType]::ParameterName, 'Retain the will')
            [CompletionResult]::new('--no-reconnect', '--no-reconnect', [CompletionResultType]::ParameterName, 'End when an established connection is lost')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Say on stderr what happens on the wire')
            [CompletionResult]::new('--debug', '--debug', [CompletionResultType]::ParameterName, 'Say on stderr what happens on the wire')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No notes and warnings on stderr')
            [CompletionResult]::new('--tls-use-os-certs', '--tls-use-os-certs', [CompletionResultType]::ParameterName, 'Trust the operating system''s certificate authorities, also beside --cafile')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Check neither the broker''s certificate nor its name: anyone can listen in')
            break
        }
        'mqkit;sub' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Topic filter to subscribe to, with `+` and `#`; repeat it for more')
            [CompletionResult]::new('--topic', '--topic', [CompletionResultType]::ParameterName, 'Topic filter to subscribe to, with `+` and `#`; repeat it for more')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Highest QoS at which messages are sent here: 0, 1 or 2')
            [CompletionResult]::new('--qos', '--qos', [CompletionResultType]::ParameterName, 'Highest QoS at which messages are sent here: 0, 1 or 2')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'End after so many messages')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after so many messages')
            [CompletionResult]::new('-W', '-W ', [CompletionResultType]::ParameterName, 'End after this time, with status 27')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'End after this time, with status 27')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End after so long without a message')
            [CompletionResult]::new('-F', '-F ', [CompletionResultType]::ParameterName, 'Print each message by this format; see Format below')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Print each message by this format; see Format below')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC] [env: MQTT_URL]')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC] [env: MQTT_URL]')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Host name or address [env: MQTT_HOST] [default: localhost]')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Host name or address [env: MQTT_HOST] [default: localhost]')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Port [env: MQTT_PORT] [default: 1883, or 8883 with TLS]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port [env: MQTT_PORT] [default: 1883, or 8883 with TLS]')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Local address to connect from')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Local address to connect from')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Client identifier [default: a random one]')
            [CompletionResult]::new('--id', '--id', [CompletionResultType]::ParameterName, 'Client identifier [default: a random one]')
            [CompletionResult]::new('-I', '-I ', [CompletionResultType]::ParameterName, 'Client identifier made of this prefix and the process number')
            [CompletionResult]::new('--id-prefix', '--id-prefix', [CompletionResultType]::ParameterName, 'Client identifier made of this prefix and the process number')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'User name')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'User name')
            [CompletionResult]::new('-P', '-P ', [CompletionResultType]::ParameterName, 'Password; others can see it in the process list, so a file or the environment is better [env: MQTT_PASSWORD]')
            [CompletionResult]::new('--pw', '--pw', [CompletionResultType]::ParameterName, 'Password; others can see it in the process list, so a file or the environment is better [env: MQTT_PASSWORD]')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the password from the first line of a file')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31')
            [CompletionResult]::new('--protocol-version', '--protocol-version', [CompletionResultType]::ParameterName, 'Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Keep alive in seconds; 0 switches it off')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Keep alive in seconds; 0 switches it off')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5')
            [CompletionResult]::new('--session-expiry-interval', '--session-expiry-interval', [CompletionResultType]::ParameterName, 'How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5')
            [CompletionResult]::new('-D', '-D ', [CompletionResultType]::ParameterName, 'MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE')
            [CompletionResult]::new('--property', '--property', [CompletionResultType]::ParameterName, 'MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE')
            [CompletionResult]::new('--will-topic', '--will-topic', [CompletionResultType]::ParameterName, 'Topic of the message that the broker publishes when this client is lost')
            [CompletionResult]::new('--will-payload', '--will-payload', [CompletionResultType]::ParameterName, 'Payload of the will')
            [CompletionResult]::new('--will-qos', '--will-qos', [CompletionResultType]::ParameterName, 'QoS of the will')
            [CompletionResult]::new('-M', '-M ', [CompletionResultType]::ParameterName, 'Own limit of unacknowledged messages; the broker''s Receive Maximum holds, too')
            [CompletionResult]::new('--max-inflight', '--max-inflight', [CompletionResultType]::ParameterName, 'Own limit of unacknowledged messages; the broker''s Receive Maximum holds, too')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'One limit over name look-up, TCP, TLS and CONNACK')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`, no limit in `sub`]')
            [CompletionResult]::new('--ack-timeout', '--ack-timeout', [CompletionResultType]::ParameterName, 'Connect again and resend when an acknowledgement takes longer')
            [CompletionResult]::new('--resend-interval', '--resend-interval', [CompletionResultType]::ParameterName, 'Resend inside the connection after so long, in 3.1 and 3.1.1')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Limit of the whole run, everything included')
            [CompletionResult]::new('--cafile', '--cafile', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file')
            [CompletionResult]::new('--capath', '--capath', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in the PEM files of this directory')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Own certificate, PEM')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Key of the own certificate, PEM, not encrypted')
            [CompletionResult]::new('--tls-alpn', '--tls-alpn', [CompletionResultType]::ParameterName, 'Application protocol to ask for')
            [CompletionResult]::new('--tls-version', '--tls-version', [CompletionResultType]::ParameterName, 'Lowest and only TLS version: tlsv1.2 or tlsv1.3')
            [CompletionResult]::new('--tls-keylog', '--tls-keylog', [CompletionResultType]::ParameterName, 'Write the session keys to this file, for Wireshark')
            [CompletionResult]::new('--servername', '--servername', [CompletionResultType]::ParameterName, 'Name that the broker''s certificate must have [default: the host]')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print topic and payload')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print topic and payload')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Print the payload only')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Print no newline after a message')
            [CompletionResult]::new('--no-newline', '--no-newline', [CompletionResultType]::ParameterName, 'Print no newline after a message')
            [CompletionResult]::new('--allow-partial', '--allow-partial', [CompletionResultType]::ParameterName, 'Go on when the broker refuses some of the filters')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Go on with the session that the broker has stored for this identifier, and leave it there')
            [CompletionResult]::new('--disable-clean-session', '--disable-clean-session', [CompletionResultType]::ParameterName, 'Go on with the session that the broker has stored for this identifier, and leave it there')
            [CompletionResult]::new('--will-retain', '--will-retain', [CompletionResultType]::ParameterName, 'Retain the will')
            [CompletionResult]::new('--no-reconnect', '--no-reconnect', [CompletionResultType]::ParameterName, 'End when an established connection is lost')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Say on stderr what happens on the wire')
            [CompletionResult]::new('--debug', '--debug', [CompletionResultType]::ParameterName, 'Say on stderr what happens on the wire')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No notes and warnings on stderr')
            [CompletionResult]::new('--tls-use-os-certs', '--tls-use-os-certs', [CompletionResultType]::ParameterName, 'Trust the operating system''s certificate authorities, also beside --cafile')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Check neither the broker''s certificate nor its name: anyone can listen in')
            break
        }
        'mqkit;decode' {
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Protocol version: auto (as a CONNECT says, else the one that fits), 5, 311 or 31')
            [CompletionResult]::new('--protocol-version', '--protocol-version', [CompletionResultType]::ParameterName, 'Protocol version: auto (as a CONNECT says, else the one that fits), 5, 311 or 31')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Show passwords and authentication data')
            break
        }
        'mqkit;broker' {
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Port to listen on; 0 takes any free one. The default is 1883, and 0 with a command')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port to listen on; 0 takes any free one. The default is 1883, and 0 with a command')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Address to listen on. The default keeps other computers out, on purpose: nobody is asked for a password')
            [CompletionResult]::new('--tls-port', '--tls-port', [CompletionResultType]::ParameterName, 'Port to listen on with TLS as well; 0 takes any free one')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Certificate of the broker for TLS, PEM, with its intermediate certificates')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Private key of the certificate, PEM')
            [CompletionResult]::new('--client-ca', '--client-ca', [CompletionResultType]::ParameterName, 'With TLS: only clients with a certificate of these authorities (PEM) may connect')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Only users in this file may connect: lines of the form user:password')
            [CompletionResult]::new('--max-queued', '--max-queued', [CompletionResultType]::ParameterName, 'Messages that may wait for one client, connected or not; what exceeds them is dropped and reported. 0 is no limit')
            [CompletionResult]::new('--max-packet-size', '--max-packet-size', [CompletionResultType]::ParameterName, 'Largest packet that is accepted, in bytes')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell on standard error who connects, disconnects and subscribes')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell on standard error who connects, disconnects and subscribes')
            break
        }
        'mqkit;completions' {
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
