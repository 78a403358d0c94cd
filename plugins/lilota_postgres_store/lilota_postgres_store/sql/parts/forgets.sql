-- Whether the input of a `task` becomes an empty object when it ends: rules.forgets_input.
strpos(task.headers, '"lilota.keep_input":false') > 0
