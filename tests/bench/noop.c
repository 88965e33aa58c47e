/* SPDX-License-Identifier: MIT */
/* The floor of `make bench`: what starting any program costs. Linked statically. */
int main(void)
{
	return 0;
}
