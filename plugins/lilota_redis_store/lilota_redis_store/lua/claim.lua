-- Answer a claim request.
write_even_if_full()
return claim(asked)
