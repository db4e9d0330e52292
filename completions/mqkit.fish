# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mqkit_global_optspecs
    string join \n help V/version
end

function __fish_mqkit_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mqkit_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mqkit_using_subcommand
    set -l cmd (__fish_mqkit_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mqkit -n "__fish_mqkit_needs_command" -l help -d 'Print help'
complete -c mqkit -n "__fish_mqkit_needs_command" -s V -l version -d 'Print version'
complete -c mqkit -n "__fish_mqkit_needs_command" -f -a "pub" -d 'Publish a message, a file, or a stream of lines'
complete -c mqkit -n "__fish_mqkit_needs_command" -f -a "sub" -d 'Subscribe and print JSON lines, payloads, or a format'
complete -c mqkit -n "__fish_mqkit_needs_command" -f -a "rr" -d 'Send a request, print the response'
complete -c mqkit -n "__fish_mqkit_needs_command" -f -a "bench" -d 'Measure a broker: throughput, latency, delivery'
complete -c mqkit -n "__fish_mqkit_needs_command" -f -a "decode" -d 'Explain captured packets: hex text, raw bytes, pcap and pcapng'
complete -c mqkit -n "__fish_mqkit_needs_command" -f -a "broker" -d 'Run an embedded broker for development and CI'
complete -c mqkit -n "__fish_mqkit_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s t -l topic -d 'Topic name to publish to; may stand in the URL instead' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s m -l message -d 'Payload: the text as it stands' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s f -l file -d 'Payload: the contents of a file' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l encoding -d 'The payload is written in hex or base64; white space in it means nothing' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l delimiter -d 'What ends a line: a character, or \\0 \\t \\n \\r \\\\ \\x1e [default: \\n]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l replay -d 'Keep the intervals at which the JSON lines were recorded (`tst`), or go SPEED times as fast' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s q -l qos -d 'QoS: 0, 1 or 2 [default: 0]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l repeat -d 'Publish the message so many times, each after the one before was sent or, with QoS 1 and 2, acknowledged' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l repeat-delay -d 'Wait so long before each repetition' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s L -l url -d 'Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC], ws:// or wss://…[/PATH] (ports 80 and 443), or unix:/PATH' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s h -l host -d 'Host name or address; with `-p 0` the path of a Unix socket [default: localhost]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s p -l port -d 'Port; 8883 switches TLS on [default: 1883, or 8883 with TLS]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s A -l bind -d 'Local address to connect from' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s i -l id -d 'Client identifier [default: a random one]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s I -l id-prefix -d 'Client identifier made of this prefix and the process number' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s u -l username -d 'User name' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s P -l pw -d 'Password; others can see it in the process list, so a file or the environment is better' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l password-file -d 'Read the password from the first line of a file' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s V -l protocol-version -d 'Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31 [default: auto]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s k -l keepalive -d 'Keep alive in seconds; 0 switches it off [default: 60]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s x -l session-expiry-interval -d 'How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s D -l property -d 'MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l will-topic -d 'Topic of the message that the broker publishes when this client is lost' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l will-payload -d 'Payload of the will' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l will-qos -d 'QoS of the will [default: 0]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s M -l max-inflight -d 'Own limit of unacknowledged messages; the broker\'s Receive Maximum holds, too [default: 20; in `bench` with a rate: 65535]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l connect-timeout -d 'One limit over name look-up, TCP, proxy, TLS, WebSocket and CONNACK [default: 10s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l retry -d 'How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`, `rr` and `bench`, no limit in `sub`]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l ack-timeout -d 'Connect again and resend when an acknowledgement takes longer [default: 20s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l resend-interval -d 'Resend inside the connection after so long, in 3.1 and 3.1.1' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l deadline -d 'Limit of the whole run, everything included' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s o -l options -d 'Read flags from a file, as mosquitto_pub does: one on a line, its value behind a blank' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l profile -d 'Take [profile.NAME] of the configuration file before the rest of it' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l ws-path -d 'Path of the WebSocket [default: the URL\'s, or /mqtt]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l ws-header -d 'Header to send to the WebSocket server; several times for several' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l unix -d 'Connect to a Unix socket' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l proxy -d 'Proxy, socks5h:// (names are looked up there), socks5:// or http://[USER[:PASSWORD]@]HOST[:PORT], or `none` [default: ALL_PROXY, except for hosts in NO_PROXY]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l psk -d 'TLS with a pre-shared key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l psk-identity -d 'Name of the pre-shared key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l tls-engine -d 'OpenSSL\'s engine' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l tls-engine-kpass-sha1 -d 'Password of OpenSSL\'s engine' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l keyform -d 'Form of the key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l cafile -d 'Trust the certificate authorities in this PEM file, or the broker\'s own certificate' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l capath -d 'Trust the certificate authorities in the PEM files of this directory' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l cert -d 'Own certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l key -d 'Key of the own certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l key-password-file -d 'File whose first line is the password of an encrypted key (PKCS #8)' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l tls-pin -d 'Trust only the certificate or the key with this SHA-256, sha256:HEX or sha256//BASE64, and no authority; neither its name nor its dates are checked' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l tls-alpn -d 'Application protocol to ask for; several times in the order of preference' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l tls-version -d 'The only TLS version to speak, tlsv1.2 or tlsv1.3, or a range such as tlsv1.2-tlsv1.3 [default: both]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l ciphers -d 'Cipher suites to offer, in the order of preference: their names with colons between them' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l tls-keylog -d 'Write the session keys to this file, for Wireshark' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l servername -d 'Name that the broker\'s certificate must have [default: the host]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s n -l null-message -d 'An empty payload'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s s -l stdin-file -d 'Payload: all of standard input, which must not be empty'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s l -l stdin-line -d 'One message for each line of standard input, read as fast as the broker takes them'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l json -d 'One message for each JSON line of standard input, or of --file; see JSON lines below'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l topic-from-line -d 'Each line is TOPIC, a tab, and the payload; implies --stdin-line'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s r -l retain -d 'Ask the broker to retain the message for later subscribers; an empty one deletes the retained message'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l if-changed -d 'Publish the message only when its payload differs from that of the retained message; implies --retain'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l topic-alias -d 'Send each topic once and a number in its place from then on, as far as the broker allows; needs version 5'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s c -l disable-clean-session -d 'Go on with the session that the broker has stored for this identifier, and leave it there'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l will-retain -d 'Retain the will'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l no-reconnect -d 'End when an established connection is lost'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s d -l debug -d 'Say on stderr what happens on the wire'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l quiet -d 'No notes and warnings on stderr'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l print-config -d 'Print what the connection\'s flags are set to, and where, and end; passwords are masked'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l ws -d 'Speak WebSocket, as a URL with ws:// or wss:// does; the port stays 1883, or 8883 with TLS'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l no-tls -d 'Ignore all other TLS flags'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l nodelay -d 'Send small packets at once, which is always done'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -s S -d 'Look up the broker\'s SRV record'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l tls-use-os-certs -d 'Trust the operating system\'s certificate authorities, also beside --cafile'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l insecure -d 'Check neither the broker\'s certificate nor its name: anyone can listen in'
complete -c mqkit -n "__fish_mqkit_using_subcommand pub" -l help -d 'Print help'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s t -l topic -d 'Topic filter to subscribe to, with `+` and `#`; repeat it for more' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s T -l filter-out -d 'Leave out messages whose topic matches this filter; repeat it for more' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s U -l unsubscribe -d 'Unsubscribe from this filter of a stored session (-c), after subscribing; repeat it for more' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s q -l qos -d 'Highest QoS at which messages are sent here: 0, 1 or 2 [default: 0]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s C -l count -d 'End after so many messages' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s W -l timeout -d 'End after this time, with status 27' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l idle -d 'End after so long without a message' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l retain-handling -d 'When the broker sends retained messages: always, new (for new subscriptions) or never; needs version 5' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l random-filter -d 'Take a random part of the messages, in per cent: 0.1 to 100' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s F -l format -d 'Print each message by this format; see Format in `mqkit sub --help`' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never [default: auto]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l exec -d 'Run this shell command for each message instead of printing it; see Commands below' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l jobs -d 'Commands that may run at once [default: 1]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s L -l url -d 'Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC], ws:// or wss://…[/PATH] (ports 80 and 443), or unix:/PATH' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s h -l host -d 'Host name or address; with `-p 0` the path of a Unix socket [default: localhost]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s p -l port -d 'Port; 8883 switches TLS on [default: 1883, or 8883 with TLS]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s A -l bind -d 'Local address to connect from' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s i -l id -d 'Client identifier [default: a random one]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s I -l id-prefix -d 'Client identifier made of this prefix and the process number' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s u -l username -d 'User name' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s P -l pw -d 'Password; others can see it in the process list, so a file or the environment is better' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l password-file -d 'Read the password from the first line of a file' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s V -l protocol-version -d 'Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31 [default: auto]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s k -l keepalive -d 'Keep alive in seconds; 0 switches it off [default: 60]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s x -l session-expiry-interval -d 'How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s D -l property -d 'MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l will-topic -d 'Topic of the message that the broker publishes when this client is lost' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l will-payload -d 'Payload of the will' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l will-qos -d 'QoS of the will [default: 0]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s M -l max-inflight -d 'Own limit of unacknowledged messages; the broker\'s Receive Maximum holds, too [default: 20; in `bench` with a rate: 65535]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l connect-timeout -d 'One limit over name look-up, TCP, proxy, TLS, WebSocket and CONNACK [default: 10s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l retry -d 'How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`, `rr` and `bench`, no limit in `sub`]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l ack-timeout -d 'Connect again and resend when an acknowledgement takes longer [default: 20s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l resend-interval -d 'Resend inside the connection after so long, in 3.1 and 3.1.1' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l deadline -d 'Limit of the whole run, everything included' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s o -l options -d 'Read flags from a file, as mosquitto_pub does: one on a line, its value behind a blank' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l profile -d 'Take [profile.NAME] of the configuration file before the rest of it' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l ws-path -d 'Path of the WebSocket [default: the URL\'s, or /mqtt]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l ws-header -d 'Header to send to the WebSocket server; several times for several' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l unix -d 'Connect to a Unix socket' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l proxy -d 'Proxy, socks5h:// (names are looked up there), socks5:// or http://[USER[:PASSWORD]@]HOST[:PORT], or `none` [default: ALL_PROXY, except for hosts in NO_PROXY]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l psk -d 'TLS with a pre-shared key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l psk-identity -d 'Name of the pre-shared key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l tls-engine -d 'OpenSSL\'s engine' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l tls-engine-kpass-sha1 -d 'Password of OpenSSL\'s engine' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l keyform -d 'Form of the key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l cafile -d 'Trust the certificate authorities in this PEM file, or the broker\'s own certificate' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l capath -d 'Trust the certificate authorities in the PEM files of this directory' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l cert -d 'Own certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l key -d 'Key of the own certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l key-password-file -d 'File whose first line is the password of an encrypted key (PKCS #8)' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l tls-pin -d 'Trust only the certificate or the key with this SHA-256, sha256:HEX or sha256//BASE64, and no authority; neither its name nor its dates are checked' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l tls-alpn -d 'Application protocol to ask for; several times in the order of preference' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l tls-version -d 'The only TLS version to speak, tlsv1.2 or tlsv1.3, or a range such as tlsv1.2-tlsv1.3 [default: both]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l ciphers -d 'Cipher suites to offer, in the order of preference: their names with colons between them' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l tls-keylog -d 'Write the session keys to this file, for Wireshark' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l servername -d 'Name that the broker\'s certificate must have [default: the host]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s E -l end-when-subscribed -d 'End once the broker has confirmed the subscriptions'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s R -l no-retained -d 'No retained messages'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l retained-only -d 'Retained messages only; ends once they have come, with status 1 when there is none'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l remove-retained -d 'Remove retained messages from the broker once they are written; -T spares them'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l retain-as-published -d 'Keep the retain flag of live messages as it was published; needs version 5'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l no-local -d 'Not what this client publishes itself (wills, --reply); needs version 5'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l json -d 'Print JSON lines, also on a terminal; elsewhere they are the default'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s v -l verbose -d 'Print topic and payload'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l raw -d 'Print the payload only'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s N -l no-newline -d 'Print no newline after a message'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l pretty -d 'Print JSON over several lines, also of %j and %J'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l message-rate -d 'Print how many messages came in each second (`N msgs/s`) instead of the messages'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l reply -d 'Publish what the command prints to the response topic of the message, with its correlation data and -D publish'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l allow-partial -d 'Go on when the broker refuses some of the filters'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s c -l disable-clean-session -d 'Go on with the session that the broker has stored for this identifier, and leave it there'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l will-retain -d 'Retain the will'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l no-reconnect -d 'End when an established connection is lost'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s d -l debug -d 'Say on stderr what happens on the wire'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l quiet -d 'No notes and warnings on stderr'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l print-config -d 'Print what the connection\'s flags are set to, and where, and end; passwords are masked'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l ws -d 'Speak WebSocket, as a URL with ws:// or wss:// does; the port stays 1883, or 8883 with TLS'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l no-tls -d 'Ignore all other TLS flags'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l nodelay -d 'Send small packets at once, which is always done'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -s S -d 'Look up the broker\'s SRV record'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l tls-use-os-certs -d 'Trust the operating system\'s certificate authorities, also beside --cafile'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l insecure -d 'Check neither the broker\'s certificate nor its name: anyone can listen in'
complete -c mqkit -n "__fish_mqkit_using_subcommand sub" -l help -d 'Print help'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s t -l topic -d 'Topic name to send the request to; may stand in the URL instead' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s e -l response-topic -d 'Topic name on which the response comes [default: a new one for each run; 3.1.1 needs this flag]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s m -l message -d 'Payload: the text as it stands' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s f -l file -d 'Payload: the contents of a file' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s q -l qos -d 'QoS of the request, and highest QoS of the response: 0, 1 or 2 [default: 0]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s C -l count -d 'End after so many responses [default: 1]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s W -l timeout -d 'End after this time, with status 27' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s F -l format -d 'Print each message by this format; see Format in `mqkit sub --help`' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never [default: auto]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l retain-handling -d 'When the broker sends the retained message of the response topic: always, new or never; needs version 5' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s L -l url -d 'Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC], ws:// or wss://…[/PATH] (ports 80 and 443), or unix:/PATH' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s h -l host -d 'Host name or address; with `-p 0` the path of a Unix socket [default: localhost]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s p -l port -d 'Port; 8883 switches TLS on [default: 1883, or 8883 with TLS]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s A -l bind -d 'Local address to connect from' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s i -l id -d 'Client identifier [default: a random one]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s I -l id-prefix -d 'Client identifier made of this prefix and the process number' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s u -l username -d 'User name' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s P -l pw -d 'Password; others can see it in the process list, so a file or the environment is better' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l password-file -d 'Read the password from the first line of a file' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s V -l protocol-version -d 'Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31 [default: auto]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s k -l keepalive -d 'Keep alive in seconds; 0 switches it off [default: 60]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s x -l session-expiry-interval -d 'How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s D -l property -d 'MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l will-topic -d 'Topic of the message that the broker publishes when this client is lost' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l will-payload -d 'Payload of the will' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l will-qos -d 'QoS of the will [default: 0]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s M -l max-inflight -d 'Own limit of unacknowledged messages; the broker\'s Receive Maximum holds, too [default: 20; in `bench` with a rate: 65535]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l connect-timeout -d 'One limit over name look-up, TCP, proxy, TLS, WebSocket and CONNACK [default: 10s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l retry -d 'How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`, `rr` and `bench`, no limit in `sub`]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l ack-timeout -d 'Connect again and resend when an acknowledgement takes longer [default: 20s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l resend-interval -d 'Resend inside the connection after so long, in 3.1 and 3.1.1' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l deadline -d 'Limit of the whole run, everything included' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s o -l options -d 'Read flags from a file, as mosquitto_pub does: one on a line, its value behind a blank' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l profile -d 'Take [profile.NAME] of the configuration file before the rest of it' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l ws-path -d 'Path of the WebSocket [default: the URL\'s, or /mqtt]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l ws-header -d 'Header to send to the WebSocket server; several times for several' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l unix -d 'Connect to a Unix socket' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l proxy -d 'Proxy, socks5h:// (names are looked up there), socks5:// or http://[USER[:PASSWORD]@]HOST[:PORT], or `none` [default: ALL_PROXY, except for hosts in NO_PROXY]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l psk -d 'TLS with a pre-shared key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l psk-identity -d 'Name of the pre-shared key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l tls-engine -d 'OpenSSL\'s engine' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l tls-engine-kpass-sha1 -d 'Password of OpenSSL\'s engine' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l keyform -d 'Form of the key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l cafile -d 'Trust the certificate authorities in this PEM file, or the broker\'s own certificate' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l capath -d 'Trust the certificate authorities in the PEM files of this directory' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l cert -d 'Own certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l key -d 'Key of the own certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l key-password-file -d 'File whose first line is the password of an encrypted key (PKCS #8)' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l tls-pin -d 'Trust only the certificate or the key with this SHA-256, sha256:HEX or sha256//BASE64, and no authority; neither its name nor its dates are checked' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l tls-alpn -d 'Application protocol to ask for; several times in the order of preference' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l tls-version -d 'The only TLS version to speak, tlsv1.2 or tlsv1.3, or a range such as tlsv1.2-tlsv1.3 [default: both]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l ciphers -d 'Cipher suites to offer, in the order of preference: their names with colons between them' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l tls-keylog -d 'Write the session keys to this file, for Wireshark' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l servername -d 'Name that the broker\'s certificate must have [default: the host]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s n -l null-message -d 'An empty payload'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s s -l stdin-file -d 'Payload: all of standard input, which must not be empty'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l latency -d 'Print how long the response took, after it'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l no-correlation-data -d 'Send no correlation data: every new message on the response topic is a response'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l json -d 'Print JSON lines, also on a terminal; elsewhere they are the default'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s v -l verbose -d 'Print topic and payload'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l raw -d 'Print the payload only'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s N -l no-newline -d 'Print no newline after a message'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l pretty -d 'Print JSON over several lines, also of %j and %J'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s R -l no-retained -d 'Ask the broker not to send the retained message of the response topic, in version 5; it is never printed'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l retain-as-published -d 'Keep the retain flag of a response as its sender set it; needs version 5'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s c -l disable-clean-session -d 'Go on with the session that the broker has stored for this identifier, and leave it there'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l will-retain -d 'Retain the will'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l no-reconnect -d 'End when an established connection is lost'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s d -l debug -d 'Say on stderr what happens on the wire'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l quiet -d 'No notes and warnings on stderr'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l print-config -d 'Print what the connection\'s flags are set to, and where, and end; passwords are masked'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l ws -d 'Speak WebSocket, as a URL with ws:// or wss:// does; the port stays 1883, or 8883 with TLS'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l no-tls -d 'Ignore all other TLS flags'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l nodelay -d 'Send small packets at once, which is always done'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -s S -d 'Look up the broker\'s SRV record'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l tls-use-os-certs -d 'Trust the operating system\'s certificate authorities, also beside --cafile'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l insecure -d 'Check neither the broker\'s certificate nor its name: anyone can listen in'
complete -c mqkit -n "__fish_mqkit_using_subcommand rr" -l help -d 'Print help'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l publishers -d 'Clients that publish [default: 1; fan-in: 100]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l subscribers -d 'Clients that subscribe; 0 in round-trip and fan-in only publishes [default: 1; round-trip: as many as publishers; fan-out: 100; reconnect: 10; shared: 4]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l clients -d 'Clients of connect [default: 1000]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s t -l topic -d 'Topic of the messages: %i is the number of the publisher, from 0, %c its client identifier, %u its user name, %r the run, a random number, %n the number of the topic below --topics [default: mqkit/bench/%r/%i or mqkit/bench/%r/%i/%n]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l filter -d 'Filter of the subscribers, with %r, and %i, %c and %u of the subscriber [default: the topics of the publisher with the same number, or all of the run; needed with --topic, except when it has no % and is the same]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l topics -d 'Topics of each publisher, used in turn [default: 1; retained: 1000]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l size -d 'Bytes of the payload: 100, 40..1000 (each as likely), or exp:200 (exponential with this mean), at least 16; below 32 they say which message it is and when it was due, and not when it was sent, so that a --rate has no service times [default: 100]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s f -l file -d 'Payload: the contents of a file, and 32 bytes behind them that say which message it is' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s m -l message -d 'Payload: a text with %i %c %u %r %n as in the topic, and 32 bytes behind it that say which message it is' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s q -l qos -d 'QoS of the messages: 0, 1 or 2 [default: 1]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l subscribe-qos -d 'Highest QoS that the subscribers ask for [default: that of the messages]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l sessions -d 'What becomes of a session when its connection is lost: clean (it ends) or persistent (the broker keeps it for the run) [default: clean; reconnect: persistent]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l scenario -d 'Read flags from a TOML file: their long names are its keys; `scenario` is one, too. Typed flags go before it' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l rate -d 'Messages per second of all publishers together (500, 20k, 1M), whether or not the broker keeps up; or `max`: at most --max-inflight of each on their way, filled up when a quarter has been acknowledged [default: 1000; fan-in and fan-out: 10 of each publisher; reconnect: 100]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l arrival -d 'Times of the messages: constant (equal intervals) or poisson (random, as of many independent senders) [default: constant]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l burst -d 'Send so many messages of a publisher at once, and pause accordingly' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s C -l count -d 'End after so many measured messages (1000, 20k, 1M) of all publishers together' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l duration -d 'How long to measure; in connect, how long to stay connected [default: 10s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l warm-up -d 'How long to publish before that without measuring [default: 1s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l drain -d 'How long to wait at the end for what is on its way [default: 5s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l late -d 'A delivery later than this after its message was due counts as late [default: 1s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l connect-rate -d 'New connections per second [default: all at once]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l drop-every -d 'reconnect: how long a subscriber keeps its connection before it breaks off [default: 2s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l workers -d 'Threads that make the load [default: half of the processors, and no more than clients]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l seed -d 'Seed of everything random, so that a load can be repeated [default: random; the report has it]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l start-at -d 'Begin to publish at this time, on several machines at once: 2026-11-23T04:42:52Z, 04:42:52 (local), 04:42:52Z (UTC) or @1795408972 (Unix time)' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l csv -d 'Write what happened in each second as comma-separated values' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l html -d 'Write a page with plots that needs no other file' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l hdr-log -d 'Write the histograms in the log format of HdrHistogram' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l junit -d 'Write the thresholds and guarantees as a JUnit report' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l merge -d 'Add up the JSON reports of several machines, as if one had made the load; no broker is contacted' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l assert -d 'Fail unless this holds: \'p99<50ms\', \'lost=0\', \'rate>10000\', \'ack_response.p99.9<1s\'; several times for several' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l baseline -d 'Compare with an older JSON report' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l max-regression -d 'Fail when a rate or a percentile is worse than that of the baseline by more than this: 10%; a run that was limited by its machine, on either side, is a note and no failure' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s L -l url -d 'Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC], ws:// or wss://…[/PATH] (ports 80 and 443), or unix:/PATH' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s h -l host -d 'Host name or address; with `-p 0` the path of a Unix socket [default: localhost]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s p -l port -d 'Port; 8883 switches TLS on [default: 1883, or 8883 with TLS]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s A -l bind -d 'Local address to connect from' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s i -l id -d 'Client identifier [default: a random one]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s I -l id-prefix -d 'Client identifier made of this prefix and the process number' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s u -l username -d 'User name' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s P -l pw -d 'Password; others can see it in the process list, so a file or the environment is better' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l password-file -d 'Read the password from the first line of a file' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s V -l protocol-version -d 'Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31 [default: auto]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s k -l keepalive -d 'Keep alive in seconds; 0 switches it off [default: 60]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s x -l session-expiry-interval -d 'How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s D -l property -d 'MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l will-topic -d 'Topic of the message that the broker publishes when this client is lost' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l will-payload -d 'Payload of the will' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l will-qos -d 'QoS of the will [default: 0]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s M -l max-inflight -d 'Own limit of unacknowledged messages; the broker\'s Receive Maximum holds, too [default: 20; in `bench` with a rate: 65535]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l connect-timeout -d 'One limit over name look-up, TCP, proxy, TLS, WebSocket and CONNACK [default: 10s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l retry -d 'How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`, `rr` and `bench`, no limit in `sub`]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l ack-timeout -d 'Connect again and resend when an acknowledgement takes longer [default: 20s]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l resend-interval -d 'Resend inside the connection after so long, in 3.1 and 3.1.1' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l deadline -d 'Limit of the whole run, everything included' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s o -l options -d 'Read flags from a file, as mosquitto_pub does: one on a line, its value behind a blank' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l profile -d 'Take [profile.NAME] of the configuration file before the rest of it' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l ws-path -d 'Path of the WebSocket [default: the URL\'s, or /mqtt]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l ws-header -d 'Header to send to the WebSocket server; several times for several' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l unix -d 'Connect to a Unix socket' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l proxy -d 'Proxy, socks5h:// (names are looked up there), socks5:// or http://[USER[:PASSWORD]@]HOST[:PORT], or `none` [default: ALL_PROXY, except for hosts in NO_PROXY]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l psk -d 'TLS with a pre-shared key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l psk-identity -d 'Name of the pre-shared key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l tls-engine -d 'OpenSSL\'s engine' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l tls-engine-kpass-sha1 -d 'Password of OpenSSL\'s engine' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l keyform -d 'Form of the key' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l cafile -d 'Trust the certificate authorities in this PEM file, or the broker\'s own certificate' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l capath -d 'Trust the certificate authorities in the PEM files of this directory' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l cert -d 'Own certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l key -d 'Key of the own certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l key-password-file -d 'File whose first line is the password of an encrypted key (PKCS #8)' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l tls-pin -d 'Trust only the certificate or the key with this SHA-256, sha256:HEX or sha256//BASE64, and no authority; neither its name nor its dates are checked' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l tls-alpn -d 'Application protocol to ask for; several times in the order of preference' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l tls-version -d 'The only TLS version to speak, tlsv1.2 or tlsv1.3, or a range such as tlsv1.2-tlsv1.3 [default: both]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l ciphers -d 'Cipher suites to offer, in the order of preference: their names with colons between them' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l tls-keylog -d 'Write the session keys to this file, for Wireshark' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l servername -d 'Name that the broker\'s certificate must have [default: the host]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l embedded -d 'The broker is this program\'s own'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l random-topics -d 'Take the topics at random'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s r -l retain -d 'Publish retained messages; they are removed at the end'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l json -d 'Print the whole report as JSON, with histograms; the schema is in the manual page'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s c -l disable-clean-session -d 'Go on with the session that the broker has stored for this identifier, and leave it there'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l will-retain -d 'Retain the will'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l no-reconnect -d 'End when an established connection is lost'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s d -l debug -d 'Say on stderr what happens on the wire'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l quiet -d 'No notes and warnings on stderr'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l print-config -d 'Print what the connection\'s flags are set to, and where, and end; passwords are masked'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l ws -d 'Speak WebSocket, as a URL with ws:// or wss:// does; the port stays 1883, or 8883 with TLS'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l no-tls -d 'Ignore all other TLS flags'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l nodelay -d 'Send small packets at once, which is always done'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -s S -d 'Look up the broker\'s SRV record'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l tls-use-os-certs -d 'Trust the operating system\'s certificate authorities, also beside --cafile'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l insecure -d 'Check neither the broker\'s certificate nor its name: anyone can listen in'
complete -c mqkit -n "__fish_mqkit_using_subcommand bench" -l help -d 'Print help'
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l input -d 'What the input is' -r -f -a "auto\t'What it looks like'
hex\t'Text with hex digits, in any common shape'
base64\t'Base64 text'
raw\t'Packets, byte by byte'
pcap\t'A capture file: pcap or pcapng, perhaps gzipped'"
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -s V -l protocol-version -d 'Protocol version of packets without CONNECT: auto (the one that fits), 5, 311 or 31' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l encode -d 'Turn JSON objects, as --json prints them, back into packets: hex text, or raw bytes' -r -f -a "hex\t'Hex text, a packet on each line'
raw\t'The bytes themselves'"
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l keylog -d 'Decrypt TLS with the secrets of a key log file (SSLKEYLOGFILE)' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l type -d 'Only packets of these types, such as PUBLISH' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l topic -d 'Only messages whose topic matches, and their acknowledgements' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l client -d 'Only connections of this client identifier' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l connection -d 'Only this connection, as `#0` in the output' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l color -d 'Colours: auto (on a terminal, unless NO_COLOR is set), always or never [default: auto]' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -s v -l verbose -d 'Every field with its offset, bytes, name and value'
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l json -d 'One JSON object per packet'
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l flow -d 'Draw what client and broker say to each other, one connection after the other'
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l stats -d 'Sum up connections and topics'
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l offsets -d 'Add every field with its offset to the JSON objects'
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l show-secrets -d 'Show passwords and authentication data'
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l collapse -d 'Show a connection once that was captured on several interfaces under several addresses'
complete -c mqkit -n "__fish_mqkit_using_subcommand decode" -l help -d 'Print help'
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -s p -l port -d 'Port to listen on; 0 takes any free one. The default is 1883, and 0 with a command' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l bind -d 'Address to listen on. The default keeps other computers out, on purpose: nobody is asked for a password' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l tls-port -d 'Port to listen on with TLS as well; 0 takes any free one' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l ws-port -d 'Port to listen on for WebSocket (ws://) as well; 0 takes any free one' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l wss-port -d 'Port to listen on for WebSocket with TLS (wss://) as well; 0 takes any free one' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l unix -d 'Path of a Unix socket to listen on as well' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l cert -d 'Certificate of the broker for TLS, PEM, with its intermediate certificates' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l key -d 'Private key of the certificate, PEM' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l key-password-file -d 'File whose first line is the password of an encrypted key (PKCS #8)' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l client-ca -d 'With TLS: only clients may connect whose certificate is in this PEM file, or signed by an authority in it' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l password-file -d 'Only users in this file may connect: lines of the form user:password' -r -F
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l max-queued -d 'Messages that may wait for one client, connected or not; what exceeds them is dropped and reported. 0 is no limit' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l max-packet-size -d 'Largest packet that is accepted, in bytes' -r
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -s v -l verbose -d 'Tell on standard error who connects, disconnects and subscribes'
complete -c mqkit -n "__fish_mqkit_using_subcommand broker" -l help -d 'Print help'
complete -c mqkit -n "__fish_mqkit_using_subcommand completions" -l help -d 'Print help'
