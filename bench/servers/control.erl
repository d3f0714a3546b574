%% Evaluated inside the broker after its boot: answers Erlang expressions on a Unix socket in the server's own folder.
%% A virtual host takes milliseconds this way; every call of rabbitmqctl starts a virtual machine and takes a second.
spawn(fun() ->
    {ok, Listener} = gen_tcp:listen(0, [binary, {packet, 4}, {active, false},
                                        {ifaddr, {local, filename:join(os:getenv("HOME"), "control")}}]),
    Evaluate = fun(Text) ->
        {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text)),
        {ok, Expressions} = erl_parse:parse_exprs(Tokens),
        {value, Value, _} = erl_eval:exprs(Expressions, []),
        Value
    end,
    Answer = fun(Text) ->
        try io_lib:format("ok ~0tp", [Evaluate(Text)])
        catch Kind:Reason -> io_lib:format("~p ~0tp", [Kind, Reason])
        end
    end,
    Serve = fun Serve(Socket) ->
        case gen_tcp:recv(Socket, 0) of
            {ok, Text} ->
                gen_tcp:send(Socket, unicode:characters_to_binary(Answer(Text))),
                Serve(Socket);
            {error, _} -> gen_tcp:close(Socket)
        end
    end,
    Accept = fun Accept() ->
        {ok, Socket} = gen_tcp:accept(Listener),
        spawn(fun() -> Serve(Socket) end),
        Accept()
    end,
    Accept()
end).
